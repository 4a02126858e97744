"""readiness_report[D]: what the window's logs say of the model that runs the agent now, before anything is trained."""

from __future__ import annotations

from itertools import chain

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.renames import apply_renames, load_renames
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import saved_with_tokenizer_of
from toolft_pipeline.curation.readiness.criteria import Verdict
from toolft_pipeline.curation.readiness.readiness import measure
from toolft_pipeline.curation.readiness.readiness_page import render_readiness
from toolft_pipeline.ingest.day import TRAJECTORIES_FILE
from toolft_pipeline.ingest.parsing.rejects import hmac_key
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.presentation.readiness_metadata import readiness_headline
from toolft_pipeline.stages.spec import sources
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
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.warehouse.store import Built, Version

REPORT_FILE = "readiness.json"
PAGE_FILE = "readiness.html"

_CHANGES_SHOWN = 10


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    return {
        **sources.agent_file(settings, settings.catalog.renames),
        **sources.agent_file(settings, settings.logs.golden),  # decides how many runs were judged as logged
        **sources.surrogate_key(),
    }


def _build(context: BuildContext) -> Built:
    raw, verified = context.inputs["raw_trajectories"], context.inputs["verified_trajectories"]
    catalog = load_catalog(context.input("tool_catalog").folder)
    renames_file = context.settings.catalog.renames
    renames = {} if renames_file is None else load_renames(context.settings.path(renames_file), catalog=catalog)
    report = measure(
        day=context.day,
        logged={
            day: (apply_renames(run, renames=renames) for run in read_trajectories(version.file(TRAJECTORIES_FILE)))
            for day, version in raw.items()
        },
        accepted=chain.from_iterable(read_trajectories(version.file(ACCEPTED_FILE)) for version in verified.values()),
        judged=sum(_judged_as_logged(version) for version in verified.values()),
        catalog=catalog,
        catalog_tokens=_catalog_tokens(context, catalog, CatalogMode.NONE),
        saved_tokens=_catalog_tokens(context, catalog, context.settings.chat.catalog_mode),
        incumbent=context.settings.incumbent,
        wanted=context.settings.readiness,
        redact=Redactor(context.settings.verification.redaction, key=hmac_key()).text,
        error_forms=context.settings.verification.error_forms,
    )
    changes = _catalog_changes(context)
    (context.out / REPORT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    page = render_readiness(report, agent=context.settings.name, catalog_changes=changes)
    (context.out / PAGE_FILE).write_text(page, encoding="utf-8")
    context.progress(f"{report.verdict}: " + "; ".join(f"{each.name}: {each.sentence}" for each in report.criteria))
    return Built(
        content=(REPORT_FILE,),
        rows={"runs": report.incumbent.runs, "accepted": report.behaviour.accepted},
        headline=readiness_headline(report, catalog_changes=changes),
    )


def _catalog_tokens(context: BuildContext, catalog: Catalog, mode: CatalogMode) -> int:
    """Tokens of the catalog that a mode leaves out of a prompt, with the base's tokenizer."""
    return saved_with_tokenizer_of(
        context.input("base_model").file("model"),
        catalog.openai_tools(),
        chat_format=get_format(context.settings.chat.format),
        mode=mode,
    )


def _judged_as_logged(version: Version) -> int:
    rows = version.manifest.rows
    if "golden" not in rows:
        raise StageError(f"{version.manifest.address} is of an earlier code; materialize it again")
    return rows["trajectories"] - rows["golden"]


def _catalog_changes(context: BuildContext) -> dict[str, str]:
    """What each version of the catalog changed, by the time it was made: as far as this warehouse saw it, newest last.
    It is shown and enters no content."""
    found = context.warehouse.versions(context.input("tool_catalog").manifest.address)[1:][-_CHANGES_SHOWN:]
    return {version.manifest.created_at: str(version.manifest.headline["change"]) for version in found}


def _worth_it(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    return CheckOutcome(
        passed=headline["verdict"] == Verdict.FINE_TUNE.value,
        detail={name: headline[name] for name in ("verdict", "saving", "failed", "not_known", "criteria")},
    )


def _demonstrated(version: Version, _settings: AgentSettings) -> CheckOutcome:
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
    description="Fine-tune or keep prompting? What the logs say of the model that runs the agent now; one HTML page.",
    group=Group.MODEL,
    kinds=("html",),
    code_version="5",
    inputs={
        "raw_trajectories": PartitionScope.WINDOW,
        "verified_trajectories": PartitionScope.WINDOW,
        "tool_catalog": PartitionScope.WHOLE,
        "base_model": PartitionScope.WHOLE,
    },
    settings=(
        "readiness",
        "incumbent",
        "verification.redaction",
        "verification.error_forms",
        "chat.format",
        "chat.catalog_mode",
    ),
    placement=("catalog.renames", "logs.golden"),
    sources=_sources,
    build=_build,
    checks=(
        Check(
            name="worth_fine_tuning",
            description="Tools stand still, behaviour repeats and verifies, format or prompt has something to gain.",
            blocking=False,
            evaluate=_worth_it,
        ),
        Check(
            name="every_tool_is_demonstrated",
            description="Each tool of today's catalog is called in enough accepted runs.",
            blocking=False,
            evaluate=_demonstrated,
        ),
    ),
    plots=_plots,
    unshown=frozenset({"tools", "categories"}),
    page=PAGE_FILE,
)
