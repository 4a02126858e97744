"""verified_trajectories[d]: the runs that are true, redacted; every verdict rides along with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from toolft_pipeline.assets import plots, sources
from toolft_pipeline.assets.stage import Check, CheckOutcome, Group, Plot, Scope, Span, Stage, Work, window
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.image_store import image_content
from toolft_pipeline.verification.day import ACCEPTED_FILE, verify_day
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import Address
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
    return sources.sandbox(settings) | sources.agent_file(settings, settings.logs.golden)


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
    logged = summary.trajectories - summary.golden  # what nobody logged says nothing of how the agent fares
    share = (summary.accepted - summary.golden_accepted) / logged if logged else None
    limits = work.settings.verification
    remembered = f", {summary.remembered} replays remembered" if summary.remembered else ""
    work.progress(f"{summary.accepted} of {summary.trajectories} runs accepted{remembered}")
    return Built(
        content=(ACCEPTED_FILE, *image_content(work.out)),
        rows={"trajectories": summary.trajectories, "accepted": summary.accepted, "golden": summary.golden},
        headline={
            "accepted_share": share,
            "window_before": window(work.settings, work.day)[:-1],
            "faults": dict(summary.faults),
            "categories": dict(summary.categories),
            "tools": dict(summary.tools),
            "thin_tools": _thin_tools(work, summary.tools),
            "replayed": summary.replayed,
            "remembered": summary.remembered,
            "not_replayable": summary.not_replayable,
            "no_final_state": summary.no_final_state,
            "redacted": dict(summary.redacted),
            "min_accepted": limits.min_accepted,
            "max_acceptance_drop": limits.max_acceptance_drop,
        },
    )


def _shares_before(version: Version) -> dict[str, float]:
    """The accepted share of each earlier day of the window that has a version with logged runs, as things stand now:
    days are made side by side and in any order, so what was there when this one was built says nothing."""
    address, warehouse, found = version.manifest.address, version.warehouse, {}
    for day in cast("list[str]", version.manifest.headline["window_before"]):
        before = warehouse.current(Address(agent=address.agent, asset=address.asset, partition=day))
        share = None if before is None else before.manifest.headline["accepted_share"]
        if isinstance(share, float):
            found[day] = share
    return found


def _thin_tools(work: Work, counts: Mapping[str, int]) -> dict[str, int]:
    """Tools of today's catalog that few accepted runs of the day call, with how many do."""
    names = load_catalog(work.one("tool_catalog").folder).names
    wanted = work.settings.verification.min_runs_per_tool
    return {name: counts.get(name, 0) for name in sorted(names) if counts.get(name, 0) < wanted}


def _enough(version: Version) -> CheckOutcome:
    accepted, wanted = version.manifest.rows["accepted"], version.manifest.headline["min_accepted"]
    return CheckOutcome(passed=accepted >= wanted, detail={"accepted": accepted, "wanted": wanted})  # type: ignore[operator]


def _no_sudden_drop(version: Version) -> CheckOutcome:
    headline = version.manifest.headline
    share, drop = headline["accepted_share"], cast("float", headline["max_acceptance_drop"])
    before, days = _shares_before(version), len(cast("list[str]", headline["window_before"]))
    if not isinstance(share, float):
        return CheckOutcome(passed=True, detail={"days_before": len(before)}, said="not compared: the day has no runs")
    if not before:
        said = f"not compared: of the {days} days of the window before this one, none is verified with runs yet"
        return CheckOutcome(passed=True, detail={"accepted_share": share, "days_before": 0}, said=said)
    usual = sum(before.values()) / len(before)
    return CheckOutcome(
        # a hair is allowed: shares are quotients, and a drop of exactly the limit is no breach
        passed=share >= usual - drop - 1e-9,
        detail={
            "accepted_share": share,
            "mean_of_days_before": usual,
            "days_before": len(before),
            "allowed_drop": drop,
        },
        said=f"{share:.1%} accepted, held against {usual:.1%}, the mean of {len(before)} of the {days} days of the "
        f"window before this one",
    )


def _plots(version: Version) -> dict[str, Plot]:
    manifest = version.manifest
    headline = manifest.headline
    shares = _shares_before(version)
    if isinstance(share := headline["accepted_share"], float):
        shares[manifest.address.partition or ""] = share
    return {
        "accepted_share_by_day": plots.by_day(shares, title="Share of a day's runs that was accepted"),
        "rejected_by_rule": plots.bars(headline["faults"], title="Runs rejected, by rule"),
        "accepted_by_category": plots.bars(headline["categories"], title="Accepted runs, by category"),
        "calls_by_tool": plots.bars(headline["tools"], title="Accepted runs that call a tool"),
    }


STAGE = Stage(
    asset="verified_trajectories",
    description="Runs that verifiably succeeded: well-formed, valid against today's catalog, replayed on a sandbox.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="9",
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
        Check(
            name="no_sudden_drop",
            description="The accepted share lies at most `verification.max_acceptance_drop` below the mean of the "
            "window's days before that are verified when the check runs; its result says how many those were.",
            blocking=False,
            evaluate=_no_sudden_drop,
        ),
    ),
    plots=_plots,
    unshown=frozenset({"window_before", "min_accepted", "max_acceptance_drop", "faults", "categories", "tools"}),
)
