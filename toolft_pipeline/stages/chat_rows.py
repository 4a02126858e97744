"""chat_rows[d]: verified runs as text, in segments that are trained or context."""

from __future__ import annotations

import json

from toolft_pipeline.catalog.build import CATALOG_FILE, load_catalog
from toolft_pipeline.chat.chat_rows import ROWS_FILE
from toolft_pipeline.chat.formats import get_format, image_formats
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved_for_model
from toolft_pipeline.chat.row_markdown import row_markdown
from toolft_pipeline.settings import AgentSettings, CatalogMode, ChatSettings
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Stage
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.store import BuildOutput, Version

EXAMPLES_FILE = "examples.json"
"""One row of each category as Markdown, for people; it is not part of the version's content."""


def _build(context: BuildContext) -> BuildOutput:
    summary = write_chat_rows(
        accepted=context.input("verified_trajectories").file(ACCEPTED_FILE),
        catalog=context.input("tool_catalog").file(CATALOG_FILE),
        chat=context.settings.chat,
        out=context.out,
        base=context.input("base_model").file("model"),
    )
    if summary.images_not_rendered:
        context.progress(f"{summary.images_not_rendered} runs show images and have no row: {summary.why_no_images}")
    if masked := summary.marked_turns + summary.corrected_turns:
        context.progress(
            f"{masked} assistant turns carry no loss: {summary.marked_turns} marked in the log, "
            f"{summary.corrected_turns} failed calls that the run corrects; {summary.without_loss} runs have no row"
        )
    examples = {category: row_markdown(row) for category, row in summary.example_rows.items()}
    (context.out / EXAMPLES_FILE).write_text(json.dumps(examples, ensure_ascii=False, indent=1), encoding="utf-8")
    return BuildOutput(
        content=(ROWS_FILE,),
        rows={"rows": summary.rows, "trajectories": summary.trajectories, "trained_turns": summary.trained_turns},
        headline={
            "characters": summary.characters,
            "trained_characters": summary.trained_characters,
            "without_assistant": summary.without_assistant,
            "runs_without_loss": summary.without_loss,
            "marked_turns": summary.marked_turns,
            "corrected_turns": summary.corrected_turns,
            "prompts_with_pasted_tools": summary.pasted_tools,
            "pasted_characters_left_out": summary.pasted_characters,
            "images_not_rendered": summary.images_not_rendered,
            "why_no_images": summary.why_no_images,
            "catalog_tokens_saved_per_turn": _tokens_saved(context),
        },
    )


def _tokens_saved(context: BuildContext) -> int:
    return catalog_tokens_saved_for_model(
        context.input("base_model").file("model"),
        load_catalog(context.input("tool_catalog").folder).openai_tools(),
        chat_format=get_format(context.settings.chat.format),
        mode=context.settings.chat.catalog_mode,
    )


def _examples(version: Version) -> dict[str, str]:
    """One row of each category, with its mask."""
    examples: dict[str, str] = json.loads(version.file(EXAMPLES_FILE).read_text(encoding="utf-8"))
    return {f"example/{category}": text for category, text in examples.items()}


def _all_images_rendered(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    left_out = headline["images_not_rendered"]
    return CheckOutcome(passed=not left_out, detail={"runs_left_out": left_out, "why": headline["why_no_images"]})


def _same_under(proposal: Proposal, partition: str | None) -> bool:
    """Rows that show no catalog depend on the runs alone; all others are rendered with the proposed catalog."""
    if ("verified_trajectories", partition) in proposal.new:
        return False
    chat = proposal.settings.chat
    if chat.catalog_mode is CatalogMode.NONE and chat.system_prompt != "strip_tools":
        return True
    accepted, base = proposal.version("verified_trajectories", partition), proposal.version("base_model", None)
    current = proposal.version("chat_rows", partition)
    if accepted is None or base is None or current is None:
        return False
    out = proposal.scratch / f"chat_rows-{partition}"
    out.mkdir()
    write_chat_rows(
        accepted=accepted.file(ACCEPTED_FILE),
        catalog=proposal.catalog / CATALOG_FILE,
        chat=chat,
        out=out,
        base=base.file("model"),
    )
    return file_digest(out / ROWS_FILE) == file_digest(current.file(ROWS_FILE))


STAGE = Stage(
    asset="chat_rows",
    description="Each run in the model's own chat template, in segments marked trained or context.",
    group=Group.DATA,
    kinds=("parquet", "jinja"),
    code_version="5",
    inputs={
        "verified_trajectories": PartitionScope.SAME,
        "tool_catalog": PartitionScope.WHOLE,
        "base_model": PartitionScope.WHOLE,
    },
    settings=fields_of("chat", ChatSettings, but={"max_length", "long_rows"}),
    build=_build,
    checks=(
        Check(
            name="all_images_rendered",
            description="No run is left out because it shows images; else choose "
            f"{image_formats()} and a base with its processor.",
            blocking=False,
            evaluate=_all_images_rendered,
        ),
    ),
    texts=_examples,
    same_under=_same_under,
)
