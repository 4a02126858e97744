"""verified_trajectories[d]: accepted runs, redacted, and the verdict on every run with its reason."""

from __future__ import annotations

from typing import cast

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.ingest.images.image_store import image_content
from toolft_pipeline.settings import AgentSettings, VerificationSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.declared_settings import GOLDEN_RUNS, SANDBOX, SANDBOX_PROTOCOL, golden_runs
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Freshness,
    Group,
    PartitionScope,
    Plot,
    SourceContext,
    Stage,
)
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.cache.verdict_cache import DISPLAY_SETTINGS
from toolft_pipeline.verification.day import ACCEPTED_FILE, verify_day
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version

_WINDOW = ("window_days", "first_day")


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    return {
        **sources.sandbox(settings),
        **sources.agent_file(settings, settings.logs.golden),
        **sources.surrogate_key(),
    }


def _build(context: BuildContext) -> BuildOutput:
    raw = context.input("raw_trajectories")
    summary = verify_day(
        raw=raw.folder,
        rules=load_rules(catalog=context.input("tool_catalog").folder, settings=context.settings, key=surrogate_key()),
        settings=context.settings,
        day=context.day,
        out=context.out,
        progress=context.progress,
        sources=sources.verified_day(context.settings, raw),
        previous=None if context.previous is None else context.previous.folder,
    )
    # golden runs say nothing about the agent in production, and served ones have an asset of their own: serving_monitor
    logged = summary.trajectories - summary.golden - summary.served
    share = (summary.accepted - summary.golden_accepted - summary.served_accepted) / logged if logged else None
    cached = f"; {summary.cached_verdicts} verdicts and {summary.cached_replays} replays from the cache"
    context.progress(f"{summary.accepted} of {summary.trajectories} runs accepted{cached}")
    return BuildOutput(
        content=(ACCEPTED_FILE, *image_content(context.out)),
        rows={
            "trajectories": summary.trajectories,
            "accepted": summary.accepted,
            "golden": summary.golden,
            **({"served": summary.served, "served_accepted": summary.served_accepted} if summary.served else {}),
        },
        headline={
            "accepted_share": share,
            "faults": dict(summary.faults),
            "categories": dict(summary.categories),
            "tools": dict(summary.tools),
            "catalog_tools": sorted(load_catalog(context.input("tool_catalog").folder).names),
            "replayed": summary.replayed,
            "cached_replays": summary.cached_replays,
            "cached_verdicts": summary.cached_verdicts,
            "not_replayable": summary.not_replayable,
            "no_final_state": summary.no_final_state,
            "answers_unread": summary.answers_unread,
            "redacted": dict(summary.redacted),
        },
    )


def _days_before(version: Version, settings: AgentSettings) -> list[str]:
    """The days of the window before the version's own."""
    return window(settings, version.manifest.address.partition or "")[:-1]


def _shares_before(version: Version, settings: AgentSettings) -> dict[str, float]:
    """The accepted share of each earlier day of the window that has a version with logged runs now: days are built side
    by side and in any order, so the versions at build time would be arbitrary."""
    address, warehouse, found = version.manifest.address, version.warehouse, {}
    for day in _days_before(version, settings):
        before = warehouse.current(ArtifactKey(agent=address.agent, asset=address.asset, partition=day))
        share = None if before is None else before.manifest.headline["accepted_share"]
        if isinstance(share, float):
            found[day] = share
    return found


def _figures(version: Version, settings: AgentSettings) -> dict[str, Json]:
    """Tools of the catalog that few accepted runs of the day call, with how many do."""
    headline, wanted = version.manifest.headline, settings.verification.min_runs_per_tool
    counts = cast("dict[str, int]", headline["tools"])
    called = {name: counts.get(name, 0) for name in cast("list[str]", headline["catalog_tools"])}
    return {"thin_tools": {name: count for name, count in called.items() if count < wanted}}


def _enough(version: Version, settings: AgentSettings) -> CheckOutcome:
    accepted, wanted = version.manifest.rows["accepted"], settings.verification.min_accepted
    return CheckOutcome(passed=accepted >= wanted, detail={"accepted": accepted, "wanted": wanted})


def _no_sudden_drop(version: Version, settings: AgentSettings) -> CheckOutcome:
    share, drop = version.manifest.headline["accepted_share"], settings.verification.max_acceptance_drop
    before, days = _shares_before(version, settings), len(_days_before(version, settings))
    if not isinstance(share, float):
        return CheckOutcome(
            passed=True, detail={"days_before": len(before)}, description="not compared: the day has no runs"
        )
    if not before:
        description = f"not compared: of the {days} days of the window before this one, none has verified runs yet"
        return CheckOutcome(passed=True, detail={"accepted_share": share, "days_before": 0}, description=description)
    usual = sum(before.values()) / len(before)
    return CheckOutcome(
        # the tolerance covers rounding: a drop of exactly the limit passes
        passed=share >= usual - drop - 1e-9,
        detail={
            "accepted_share": share,
            "mean_of_days_before": usual,
            "days_before": len(before),
            "allowed_drop": drop,
        },
        description=f"{share:.1%} accepted, compared with {usual:.1%}, the mean of {len(before)} of {days} days "
        f"of the window before this one",
    )


def _plots(version: Version, settings: AgentSettings) -> dict[str, Plot]:
    manifest = version.manifest
    headline = manifest.headline
    shares = _shares_before(version, settings)
    if isinstance(share := headline["accepted_share"], float):
        shares[manifest.address.partition or ""] = share
    return {
        "accepted_share_by_day": plots.by_day(shares, title="Share of a day's runs that was accepted"),
        "rejected_by_rule": plots.bars(headline["faults"], title="Runs rejected, by rule"),
        "accepted_by_category": plots.bars(headline["categories"], title="Accepted runs, by category"),
        "calls_by_tool": plots.bars(headline["tools"], title="Accepted runs that call a tool"),
    }


def _same_under(proposal: Proposal, partition: str | None) -> bool:
    return not proposal.previews[partition or ""].changes


def _share_under(proposal: Proposal, version: Version) -> float:
    """The share of runs that are replayed again: replays take nearly all of the time."""
    runs = version.manifest.rows["trajectories"]
    return proposal.previews[version.manifest.address.partition or ""].replayed / runs if runs else 0.0


STAGE = Stage(
    asset="verified_trajectories",
    description="Runs that verifiably succeeded: well-formed, valid against today's catalog, replayed on a sandbox.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="15",
    inputs={"raw_trajectories": PartitionScope.SAME, "tool_catalog": PartitionScope.WHOLE},
    settings=(
        *fields_of("verification", VerificationSettings, but=DISPLAY_SETTINGS),
        "answers",
        "chat.format",
        *SANDBOX_PROTOCOL,
    ),
    placement=(*SANDBOX, *GOLDEN_RUNS),
    derived=lambda settings: {"golden": golden_runs(settings)},
    sources=_sources,
    build=_build,
    checks=(
        Check(
            name="enough_accepted",
            description="At least `verification.min_accepted` runs of the day were accepted.",
            blocking=False,
            evaluate=_enough,
            settings=("verification.min_accepted",),
        ),
        Check(
            name="no_sudden_drop",
            description="The accepted share lies at most `verification.max_acceptance_drop` below the mean of the "
            "window's days before that are verified when the check runs; its result says how many those were.",
            blocking=False,
            evaluate=_no_sudden_drop,
            settings=("verification.max_acceptance_drop", *_WINDOW),
            earlier_days=True,
        ),
    ),
    plots=_plots,
    figures=_figures,
    display=("verification.min_runs_per_tool", *_WINDOW),
    unshown=frozenset({"catalog_tools", "faults", "categories", "tools"}),
    freshness=Freshness.NIGHTLY,
    same_under=_same_under,
    share_under=_share_under,
)
