"""replay_rows: the base model's own answers to questions outside the agent's job, as rows with the four proofs."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow.parquet as pq

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.token_tensors import PROOFS_FILE, TENSORS_FILE
from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.ingest.day import read_golden_runs
from toolft_pipeline.replay_rows.ask_base import ask_base
from toolft_pipeline.replay_rows.conversations import Conversation, frequent_system_prompts, plan_conversations
from toolft_pipeline.replay_rows.questions import foreign_tools, load_questions
from toolft_pipeline.replay_rows.rows import ANSWERS_FILE, write_replay_rows
from toolft_pipeline.settings import AgentSettings, CatalogMode, ChatSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.declared_settings import GOLDEN_RUNS, golden_runs
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    SourceContext,
    Stage,
    StageError,
)
from toolft_pipeline.stages.token_tensors import proof_report, proven_rows, unproven
from toolft_pipeline.training.rows.mixing import DECLINE, REPLAY_ROWS, mixture_of
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.store import BuildOutput, Version

BATCH = 32
"""Answers decoded side by side: on two cores 600 short answers of a model of 270 M parameters take a minute or two."""

SHOWN = 5
"""Answers of each category that the UI shows."""

LEAST_KEPT = 0.5
"""Share of the answers below which the base model rambles or calls tools, and its rows are few."""


def wants_replay_rows(settings: AgentSettings) -> bool:
    """Whether a share of the training is asked for."""
    return bool(_categories(settings))


def _categories(settings: AgentSettings) -> frozenset[str]:
    return frozenset(mixture_of(settings.training).shares)


def _derived(settings: AgentSettings) -> dict[str, Json]:
    """Which rows are made, not how large a share of the training they have."""
    categories = _categories(settings)
    return {"categories": sorted(categories), "golden": golden_runs(settings) if DECLINE in categories else None}


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    if not wants_replay_rows(settings):
        return {}
    own = settings.training.replay_prompts
    questions: dict[str, str] = {"questions": digest_of(_package_questions())}
    if own is not None:
        questions = sources.agent_file(settings, own)
    if DECLINE not in _categories(settings):
        return questions
    golden = sources.agent_file(settings, settings.logs.golden)
    return {**questions, **golden, "foreign_tools": digest_of([*foreign_tools()])}


def _package_questions() -> list[Json]:
    return [[each.id, each.kind.value, each.user, list(each.tool_words)] for each in load_questions()]


def _conversations(settings: AgentSettings, catalog: Catalog) -> tuple[Conversation, ...]:
    own, categories = settings.training.replay_prompts, _categories(settings)
    systems: Sequence[str] = ()
    if DECLINE in categories:
        systems = frequent_system_prompts(read_golden_runs(settings.logs, folder=settings.folder, agent=settings.name))
    questions = load_questions(None if own is None else settings.path(own))
    return plan_conversations(questions, catalog=catalog, systems=systems, categories=categories)


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    if not wants_replay_rows(settings):
        context.progress("not asked for: training.replay_share and training.decline_share are 0")
        return BuildOutput(content=(), rows={"rows": 0, "asked": 0}, headline={})
    base, tools = context.optional_input("base_model"), context.optional_input("tool_catalog")
    if base is None or tools is None:
        raise StageError(f"{settings.name}/{REPLAY_ROWS}: no base_model or tool_catalog; materialize them first")
    folder, catalog = base.file("model"), load_catalog(tools.folder)
    asked = _conversations(settings, catalog)
    tokenizer, compute = load_tokenizer(folder), choose_compute_type(settings.training.compute_type)
    context.progress(f"asking the base model {len(asked)} questions; {compute.line}")
    model = load_model(folder, compute=compute.type)
    answers = ask_base(
        asked,
        folder=folder,
        tokenizer=tokenizer,
        chat=settings.chat,
        catalog=catalog,
        generator=lambda stops: TransformersGenerator(
            model=model,
            tokenizer=tokenizer,
            stops=stops,
            max_new_tokens=settings.training.replay_max_tokens,
            batch_size=BATCH,
            progress=context.progress,
        ),
    )
    counts = write_replay_rows(
        answers,
        agent=settings.name,
        catalog=catalog,
        chat=settings.chat,
        base=folder,
        out=context.out,
        progress=context.progress,
    )
    context.progress(f"{counts.rows} rows of {len(asked)} answers; left out: {counts.left_out or 'none'}")
    return BuildOutput(
        content=(TENSORS_FILE, PROOFS_FILE, ANSWERS_FILE),
        rows={"rows": sum(counts.rows.values()), "asked": len(asked), "not_written": counts.not_written},
        headline={
            "rows_by_category": dict(counts.rows),
            "tokens_by_category": dict(counts.tokens),
            "loss_tokens": counts.loss_tokens,
            "left_out": dict(counts.left_out),
        },
    )


def _check(proof: Proof, description: str) -> Check:
    def evaluate(version: Version, _settings: AgentSettings) -> CheckOutcome:
        if not version.manifest.rows["asked"]:
            return CheckOutcome(passed=True, detail={"rows_checked": 0}, description="not asked for")
        result, problem = proof_report(version).results.get(proof), unproven(version).get(proof)
        nothing = problem is None and not proven_rows(version)
        failures = () if result is None else result.failures
        first: list[Json] = [f"{failure.row_id}: {failure.reason}" for failure in failures]
        return CheckOutcome(
            passed=problem is None and not nothing,
            blocks=not nothing,
            description="nothing is proven: no answer became a row" if nothing else problem,
            detail={"rows_checked": 0 if result is None else result.rows_checked, "first": first},
        )

    return Check(name=proof.value, description=description, blocking=True, evaluate=evaluate)


def _answers_kept(version: Version, _settings: AgentSettings) -> CheckOutcome:
    rows, asked = version.manifest.rows["rows"], version.manifest.rows["asked"]
    if not asked:
        return CheckOutcome(passed=True, detail={"asked": 0}, description="not asked for")
    return CheckOutcome(
        passed=rows >= LEAST_KEPT * asked,
        detail={"rows": rows, "asked": asked, "left_out": version.manifest.headline["left_out"]},
    )


def _examples(version: Version) -> dict[str, str]:
    """A few answers of each category as Markdown."""
    if not version.manifest.rows["asked"]:
        return {}
    answers = [each for each in pq.read_table(version.file(ANSWERS_FILE)).to_pylist() if each["left_out"] is None]
    texts: dict[str, list[str]] = {}
    for each in answers:
        shown = texts.setdefault(f"example/{each['category']}", [])
        if len(shown) < SHOWN:
            shown.append(f"- {each['question']} \u2192 {each['answer']}")
    return {name: "\n".join(lines) for name, lines in texts.items()}


def _same_under(proposal: Proposal, _partition: str | None) -> bool:
    """Where prompts show no tools, the catalog decides only which wishes no tool can fulfil."""
    chat, settings = proposal.settings.chat, proposal.settings
    current = proposal.version("tool_catalog", None)
    if chat.catalog_mode is not CatalogMode.NONE or chat.system_prompt == "strip_tools" or current is None:
        return False
    today, then = (load_catalog(folder) for folder in (current.folder, proposal.catalog))
    return _conversations(settings, today) == _conversations(settings, then)


STAGE = Stage(
    asset=REPLAY_ROWS,
    description="The base model's own answers to questions outside the agent's job, mixed into its training by share.",
    group=Group.MODEL,
    kinds=("parquet", "transformers"),
    code_version="3",
    inputs={"base_model": PartitionScope.WHOLE, "tool_catalog": PartitionScope.WHOLE},
    optional={"base_model": wants_replay_rows, "tool_catalog": wants_replay_rows},
    settings=(*fields_of("chat", ChatSettings), "training.replay_max_tokens"),
    placement=(
        "training.replay_share",
        "training.decline_share",
        "training.replay_prompts",
        "training.seed",
        "training.compute_type",
        *GOLDEN_RUNS,
    ),
    derived=_derived,
    sources=_sources,
    build=_build,
    checks=(
        _check(Proof.LOSS_MASK, "Loss tokens decode to exactly the base model's answer."),
        _check(Proof.SERVING_PROMPT, "The tokens before an answer are the prompt that a server builds."),
        _check(Proof.PARSER, "Parsing an answer gives no call."),
        _check(Proof.CONTROL_TOKENS, "No content holds a control token."),
        Check(
            name="answers_kept",
            description=f"At least {LEAST_KEPT:.0%} of the answers became rows; the others ramble, are empty, call a "
            "tool, or promise what nothing does.",
            blocking=False,
            evaluate=_answers_kept,
        ),
    ),
    texts=_examples,
    partitioned=False,
    accelerator=True,
    same_under=_same_under,
)
