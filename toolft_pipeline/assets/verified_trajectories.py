"""verified_trajectories[d]: the runs that are true, redacted; every verdict rides along with its reason."""

from __future__ import annotations

from toolft_pipeline.assets import plots, sources
from toolft_pipeline.assets.stage import Check, CheckOutcome, Group, Plot, Scope, Span, Stage, Work
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.verification.day import ACCEPTED_FILE, verify_day
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built, Version


def _reads(settings: AgentSettings) -> Json:
    sandbox = settings.sandbox
    return {
        "verification": settings.verification.model_dump(mode="json"),
        "format": settings.chat.format,
        "volatile": [] if sandbox is None else list(sandbox.volatile),
        "sandbox_tools": [] if sandbox is None else [sandbox.reset_tool, sandbox.snapshot_tool],
    }


def _sources(scope: Scope) -> dict[str, str]:
    settings = scope.settings
    return (
        sources.sandbox(settings)
        | sources.agent_file(settings, settings.catalog.renames)
        | sources.agent_file(settings, settings.logs.golden)
    )


def _build(work: Work) -> Built:
    summary = verify_day(
        raw=work.one("raw_trajectories").folder,
        catalog=work.one("tool_catalog").folder,
        settings=work.settings,
        day=work.day,
        out=work.out,
        progress=work.progress,
        backend=sources.sandbox(work.settings),
        before=None if work.previous is None else work.previous.folder,
    )
    remembered = f", {summary.remembered} replays remembered" if summary.remembered else ""
    work.progress(f"{summary.accepted} of {summary.trajectories} runs accepted{remembered}")
    return Built(
        content=(ACCEPTED_FILE,),
        rows={"trajectories": summary.trajectories, "accepted": summary.accepted},
        headline={
            "faults": dict(summary.faults),
            "categories": dict(summary.categories),
            "tools": dict(summary.tools),
            "replayed": summary.replayed,
            "remembered": summary.remembered,
            "not_replayable": summary.not_replayable,
            "redacted": summary.redacted,
            "min_accepted": work.settings.verification.min_accepted,
        },
    )


def _enough(version: Version) -> CheckOutcome:
    accepted, wanted = version.manifest.rows["accepted"], version.manifest.headline["min_accepted"]
    return CheckOutcome(passed=accepted >= wanted, detail={"accepted": accepted, "wanted": wanted})  # type: ignore[operator]


def _plots(version: Version) -> dict[str, Plot]:
    headline = version.manifest.headline
    return {
        "rejected_by_rule": plots.bars(headline["faults"], title="Runs rejected, by rule"),
        "accepted_by_category": plots.bars(headline["categories"], title="Accepted runs, by category"),
        "calls_by_tool": plots.bars(headline["tools"], title="Accepted runs that call a tool"),
    }


STAGE = Stage(
    asset="verified_trajectories",
    description="Runs that verifiably succeeded: well-formed, valid against today's catalog, replayed on a sandbox.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="2",
    inputs={"raw_trajectories": Span.SAME, "tool_catalog": Span.WHOLE},
    reads=_reads,
    sources=_sources,
    build=_build,
    checks=(
        Check(
            name="enough_accepted",
            description="At least `verification.min_accepted` runs of the day were accepted.",
            blocking=False,
            evaluate=_enough,
        ),
    ),
    plots=_plots,
)
