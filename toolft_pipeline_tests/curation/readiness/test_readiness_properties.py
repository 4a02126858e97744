"""What holds of the readiness report of any window: shares, missing usage, days merged in parts."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.readiness.logged_day import LoggedRunCounts, count_day
from toolft_pipeline.curation.readiness.readiness import Readiness
from toolft_pipeline.curation.readiness.readiness_page import render_readiness
from toolft_pipeline.trajectories.record import Usage
from toolft_pipeline_tests.curation.readiness.readiness_runs import (
    CATALOG,
    golden,
    report,
    run,
)

USAGE = st.builds(
    dict,
    prompt_tokens=st.none() | st.integers(0, 10_000),
    completion_tokens=st.none() | st.integers(0, 500),
    latency_ms=st.none() | st.floats(0, 1e6),
    parse_failures=st.none() | st.integers(0, 5),
)


RUNS = st.lists(st.builds(run, st.uuids().map(str), st.sampled_from(["search", "calculate", "forgotten"])), max_size=12)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Any logged runs, any of them accepted, golden runs beside them, days without a verdict."""
    logged = [msgspec.structs.replace(made, usage=Usage(**draw(USAGE))) for made in draw(RUNS)]
    judged = logged[: draw(st.integers(0, len(logged)))]
    accepted = [made for made in judged if draw(st.booleans())]
    return {
        "logged": logged,
        "accepted": [*accepted, *map(golden, draw(RUNS))],
        "judged": len(judged),
        "catalog_tokens": draw(st.integers(0, 20_000)),
    }


def shares(found: Readiness) -> list[float | None]:
    incumbent = found.incumbent
    counted = (
        incumbent.runs_with_parse_failures,
        incumbent.runs_with_bad_calls,
        incumbent.runs_that_fit,
        incumbent.turns_parsed,
        incumbent.turns_valid,
        incumbent.turns_made_up,
        incumbent.runs_done,
    )
    of_runs = [None if share is None else share.value for share in counted]
    return [*of_runs, found.behaviour.accepted_share, found.behaviour.repeated_share, found.saving.share_of_prompt]


@given(windows())
def test_readiness_shares_lie_between_0_and_1(window: dict[str, Any]) -> None:
    found = report(**window)
    assert all(share is None or 0 <= share <= 1 for share in shares(found))
    assert render_readiness(found, agent="desk")


@given(windows())
def test_readiness_without_usage_keeps_the_other_figures(window: dict[str, Any]) -> None:
    silent = [msgspec.structs.replace(made, usage=Usage()) for made in window["logged"]]
    full, bare = report(**window), report(**{**window, "logged": silent})
    assert (bare.behaviour, bare.surface, bare.criteria[:2]) == (full.behaviour, full.surface, full.criteria[:2])
    kept = ("runs", "turns", "turns_per_run", "runs_with_bad_calls", "runs_that_fit", "turns_valid", "runs_done")
    assert [getattr(bare.incumbent, name) for name in kept] == [getattr(full.incumbent, name) for name in kept]
    rest = {"prompt_tokens_per_run", "prompt_tokens_per_turn", "tokens_per_turn", "cost_per_1k_runs"}
    assert {getattr(bare.incumbent, name) for name in rest} == {None}
    assert bare.saving.share_of_prompt is None
    assert bare.criteria[2].holds is not False


@given(windows())
def test_readiness_run_without_usage_changes_no_usage_figure(window: dict[str, Any]) -> None:
    more = [*window["logged"], run("silent", "search")]
    full, found = report(**window).incumbent, report(**{**window, "logged": more}).incumbent
    for name in ("prompt_tokens_per_turn", "tokens_per_turn", "cost_per_1k_runs", "latency_ms_p50", "turns_parsed"):
        assert getattr(found, name) == getattr(full, name)


@given(windows())
def test_readiness_merged_days_equal_the_whole_window(window: dict[str, Any]) -> None:
    tools, logged = CatalogValidator(CATALOG), window["logged"]
    added = LoggedRunCounts()
    for part in (logged[::3], logged[1::3], logged[2::3]):
        added.merge(count_day(part, day="2026-10-01", tools=tools, redact=str))
    whole = count_day([*logged[::3], *logged[1::3], *logged[2::3]], day="2026-10-01", tools=tools, redact=str)
    assert added == whole
