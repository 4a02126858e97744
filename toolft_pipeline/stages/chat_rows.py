"""chat_rows[d]: verified runs as text, in pieces that say where the loss will sit."""

from __future__ import annotations

import json

from toolft_pipeline.catalog.build import CATALOG_FILE, load_catalog
from toolft_pipeline.chat.chat_rows import ROWS_FILE, write_chat_rows
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import saved_with_tokenizer_of
from toolft_pipeline.chat.shown_row import row_markdown
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Check, CheckOutcome, Group, Span, Stage, Work
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version

EXAMPLES_FILE = "examples.json"
"""One row of each category as Markdown: for people, and no content that anything downstream reads."""


def _reads(settings: AgentSettings) -> Json:
    forms = settings.verification.error_forms
    return settings.chat.model_dump(mode="json", exclude={"max_length", "long_rows"}) | {"error_forms": list(forms)}


def _build(work: Work) -> BuildOutput:
    summary = write_chat_rows(
        accepted=work.one("verified_trajectories").file(ACCEPTED_FILE),
        catalog=work.one("tool_catalog").file(CATALOG_FILE),
        settings=work.settings,
        out=work.out,
        base=work.one("base_model").file("model"),
    )
    if summary.images_not_rendered:
        work.progress(f"{summary.images_not_rendered} runs show images and have no row: {summary.why_no_images}")
    examples = {category: row_markdown(row) for category, row in summary.example_rows.items()}
    (work.out / EXAMPLES_FILE).write_text(json.dumps(examples, ensure_ascii=False, indent=1), encoding="utf-8")
    return BuildOutput(
        content=(ROWS_FILE,),
        rows={"rows": summary.rows, "trajectories": summary.trajectories, "trained_turns": summary.trained_turns},
        headline={
            "characters": summary.characters,
            "trained_characters": summary.trained_characters,
            "without_assistant": summary.without_assistant,
            "prompts_with_pasted_tools": summary.pasted_tools,
            "pasted_characters_left_out": summary.pasted_characters,
            "images_not_rendered": summary.images_not_rendered,
            "why_no_images": summary.why_no_images,
            "catalog_tokens_saved_per_turn": _tokens_saved(work),
        },
    )


def _tokens_saved(work: Work) -> int:
    return saved_with_tokenizer_of(
        work.one("base_model").file("model"),
        load_catalog(work.one("tool_catalog").folder).openai_tools(),
        chat_format=get_format(work.settings.chat.format),
        mode=work.settings.chat.catalog_mode,
    )


def _examples(version: Version) -> dict[str, str]:
    """One row of each category, with its mask."""
    examples: dict[str, str] = json.loads(version.file(EXAMPLES_FILE).read_text(encoding="utf-8"))
    return {f"example/{category}": text for category, text in examples.items()}


def _all_images_rendered(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    left_out = headline["images_not_rendered"]
    return CheckOutcome(passed=not left_out, detail={"runs_left_out": left_out, "why": headline["why_no_images"]})


STAGE = Stage(
    asset="chat_rows",
    description="Each run in the model's own chat template, in pieces marked trained or context.",
    group=Group.DATA,
    kinds=("parquet", "jinja"),
    code_version="4",
    inputs={"verified_trajectories": Span.SAME, "tool_catalog": Span.WHOLE, "base_model": Span.WHOLE},
    reads=_reads,
    build=_build,
    checks=(
        Check(
            name="all_images_rendered",
            description="No run is left out because it shows images; else choose gemma4 and a base with its processor.",
            blocking=False,
            evaluate=_all_images_rendered,
        ),
    ),
    texts=_examples,
)
