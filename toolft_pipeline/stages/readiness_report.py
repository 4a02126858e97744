"""readiness_report[D]: whether the window's logs call for fine-tuning, before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.renames import apply_renames, load_renames
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved_for_model
from toolft_pipeline.curation.readiness.accepted_runs import read_accepted_runs
from toolft_pipeline.curation.readiness.criteria import ReadinessVerdict
from toolft_pipeline.curation.readiness.logged_day import LoggedRunCounts, count_day, read_day, write_day
from toolft_pipeline.curation.readiness.readiness import CatalogSize, measure_readiness
from toolft_pipeline.curation.readiness.readiness_page import render_readiness
from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE
from toolft_pipeline.ingest.day import TRAJECTORIES_FILE
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.presentation.readiness_metadata import readiness_headline
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    Plot,
    SourceContext,
    Stage,
    StageError,
)
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.warehouse.store import BuildOutput, Version

REPORT_FILE = "readiness.json"
PAGE_FILE = "readiness.html"

COUNTS_FILE = "counts.json"

LOGGED_RUN_COUNTS = Artifact(
    asset="logged_run_counts",
    code_version="1",
    settings=("verification.redaction",),
    placement=("catalog.renames",),
)
"""The counts of one day of logs: nested versions, not an asset."""

_CHANGES_SHOWN = 10


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    return {
        **_counting_sources(settings),
        **sources.agent_file(settings, settings.logs.golden),  # decides how many runs count as logged
    }


def _counting_sources(settings: AgentSettings) -> dict[str, str]:
    return {**sources.agent_file(settings, settings.catalog.renames), **sources.surrogate_key()}


def _build(context: BuildContext) -> BuildOutput:
    catalog = load_catalog(context.input("tool_catalog").folder)
    report = measure_readiness(
        day=context.day,
        logged=logged_days(context, catalog),
        accepted=read_accepted_runs(
            version.file(SIGNATURES_FILE) for version in context.inputs["run_signatures"].values()
        ),
        judged=sum(_judged_as_logged(version) for version in context.inputs["verified_trajectories"].values()),
        catalog=CatalogSize(
            names=list(catalog.names),
            tokens=_catalog_tokens(context, catalog, CatalogMode.NONE),
            saved_tokens=_catalog_tokens(context, catalog, context.settings.chat.catalog_mode),
        ),
        prices=context.settings.incumbent,
        wanted=context.settings.readiness,
    )
    changes = _catalog_changes(context)
    (context.out / REPORT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    page = render_readiness(report, agent=context.settings.name, catalog_changes=changes)
    (context.out / PAGE_FILE).write_text(page, encoding="utf-8")
    context.progress(f"{report.verdict}: " + "; ".join(f"{each.name}: {each.sentence}" for each in report.criteria))
    return BuildOutput(
        content=(REPORT_FILE,),
        rows={"runs": report.incumbent.runs, "accepted": report.behaviour.accepted},
        headline=readiness_headline(report, catalog_changes=changes),
    )


def logged_days(context: BuildContext, catalog: Catalog) -> list[LoggedRunCounts]:
    """The counts of each day of logs: one nested version a day, so that a night counts only the new day."""
    tools, quiet = CatalogValidator(catalog), replace(context, progress=lambda _line: None)
    counted = 0

    def counts_of(day: str, raw: Version) -> LoggedRunCounts:
        def build(settings: AgentSettings, out: Path) -> BuildOutput:
            nonlocal counted
            counted += 1
            renames_file = settings.catalog.renames
            renames = {} if renames_file is None else load_renames(settings.path(renames_file), catalog=catalog)
            runs = (apply_renames(run, renames=renames) for run in read_trajectories(raw.file(TRAJECTORIES_FILE)))
            redactor = Redactor(settings.verification.redaction, key=surrogate_key())
            counts = count_day(runs, day=day, tools=tools, redact=redactor.text)
            write_day(counts, out / COUNTS_FILE)
            return BuildOutput(content=(COUNTS_FILE,), rows={"runs": counts.runs.runs}, headline={})

        inputs = {
            "raw_trajectories": raw.manifest.content_digest,
            "tool_catalog": context.input("tool_catalog").manifest.content_digest,
            **{f"file:{name}": digest for name, digest in _counting_sources(context.settings).items()},
        }
        version = nested_version(quiet, LOGGED_RUN_COUNTS, partition=day, inputs=inputs, build=build)
        return read_day(version.file(COUNTS_FILE))

    days = [counts_of(day, raw) for day, raw in context.inputs["raw_trajectories"].items()]
    context.progress(f"counted the logged runs of {counted} of {len(days)} days; the others were counted before")
    return days


def _catalog_tokens(context: BuildContext, catalog: Catalog, mode: CatalogMode) -> int:
    """Tokens of the catalog that a mode removes from a prompt, by the base model's tokenizer."""
    return catalog_tokens_saved_for_model(
        context.input("base_model").file("model"),
        catalog.openai_tools(),
        chat_format=get_format(context.settings.chat.format),
        mode=mode,
    )


def _judged_as_logged(version: Version) -> int:
    rows = version.manifest.rows
    if "golden" not in rows:
        raise StageError(
            f"{version.manifest.address}: made by an earlier release without a golden count; materialize it again"
        )
    return rows["trajectories"] - rows["golden"] - rows.get("served", 0)


def _catalog_changes(context: BuildContext) -> dict[str, str]:
    """The changes of the catalog by the time of each version, newest last; shown only, not part of the content."""
    versions = context.warehouse.versions(context.input("tool_catalog").manifest.address)[1:][-_CHANGES_SHOWN:]
    return {version.manifest.created_at: str(version.manifest.headline["change"]) for version in versions}


def _verdict(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    return CheckOutcome(
        passed=headline["verdict"] == ReadinessVerdict.FINE_TUNE.value,
        detail={name: headline[name] for name in ("verdict", "saving", "failed", "not_known", "criteria")},
    )


def _enough_runs_per_tool(version: Version, _settings: AgentSettings) -> CheckOutcome:
    thin = version.manifest.headline["thin_tools"]
    return CheckOutcome(passed=not thin, detail={"tools": thin})


def _plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    headline = version.manifest.headline
    return {
        "runs_by_tool": plots.bars(headline["tools"], title="Accepted runs that call a tool"),
        "runs_by_category": plots.bars(headline["categories"], title="Accepted runs, by category"),
    }


STAGE = Stage(
    asset="readiness_report",
    description="Fine-tune or keep prompting? Figures of the current model's logs against criteria; one HTML page.",
    group=Group.MODEL,
    kinds=("html",),
    code_version="7",
    inputs={
        "raw_trajectories": PartitionScope.WINDOW,
        "verified_trajectories": PartitionScope.WINDOW,
        "run_signatures": PartitionScope.WINDOW,
        "tool_catalog": PartitionScope.WHOLE,
        "base_model": PartitionScope.WHOLE,
    },
    settings=(
        "readiness",
        "incumbent",
        "verification.redaction",
        "chat.format",
        "chat.catalog_mode",
    ),
    placement=("catalog.renames", "logs.golden"),
    sources=_sources,
    build=_build,
    checks=(
        Check(
            name="worth_fine_tuning",
            description="Tools are stable, behaviour repeats and verifies, format or prompt can gain.",
            blocking=False,
            evaluate=_verdict,
        ),
        Check(
            name="every_tool_is_demonstrated",
            description="Enough accepted runs call each tool of today's catalog.",
            blocking=False,
            evaluate=_enough_runs_per_tool,
        ),
    ),
    plots=_plots,
    unshown=frozenset({"tools", "categories"}),
    page=PAGE_FILE,
)
