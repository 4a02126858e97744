"""The readiness report: every figure recounted by hand, and a verdict that each criterion can turn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.catalog.sources import catalog_from_file
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.dedup.repeated_conversations import RepeatedConversations
from toolft_pipeline.curation.readiness.accepted_runs import AcceptedKind, AcceptedRuns, read_accepted_runs
from toolft_pipeline.curation.readiness.criteria import ReadinessVerdict
from toolft_pipeline.curation.readiness.logged_day import LoggedRunCounts, count_day, read_day, write_day
from toolft_pipeline.curation.readiness.production_stats import Share
from toolft_pipeline.curation.readiness.readiness import CatalogSize, Readiness, measure_readiness
from toolft_pipeline.curation.readiness.readiness_page import render_readiness
from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.settings import IncumbentSettings, ReadinessSettings
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import Trajectory, Usage
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user

CATALOG = catalog_from_file(REPOSITORY / "data" / "assistant" / "catalog.json")
LENIENT = ReadinessSettings(min_runs=1, min_runs_per_tool=1)
PRICES = IncumbentSettings(price_per_million_prompt_tokens=2.0, price_per_million_completion_tokens=10.0)


def run(id_: str, tool: str, **usage: Any) -> Trajectory:
    made = trajectory(user("hi"), calls(("a", tool, {})), result("a", tool, "{}"), says("done"))
    return msgspec.structs.replace(made, trajectory_id=id_, tools_digest="sha256:one", usage=Usage(**usage))


LOGGED = [
    run("1", "search", prompt_tokens=1000, completion_tokens=10, latency_ms=100.0, parse_failures=0),
    run("2", "search", prompt_tokens=3000, completion_tokens=30, latency_ms=300.0, parse_failures=2),
    run("3", "calculate", prompt_tokens=2000, completion_tokens=20, latency_ms=200.0, parse_failures=0),
    run("4", "forgotten"),
]


def golden(made: Trajectory) -> Trajectory:
    return msgspec.structs.replace(made, golden=True, trajectory_id=f"golden-{made.trajectory_id}")


def accepted_runs(runs: list[Trajectory]) -> AcceptedRuns:
    """What `read_accepted_runs` counts, counted from the runs themselves."""
    again = RepeatedConversations()
    for made in runs:
        again.add(made.messages)
    kinds = [
        AcceptedKind(made.golden, categorize(made.messages).value, tuple(tools_used(made.messages))) for made in runs
    ]
    distinct = [kind for kind, continued in zip(kinds, again.continued().tolist(), strict=True) if not continued]
    return AcceptedRuns(all=dict(Counter(kinds)), distinct=dict(Counter(distinct)))


def report(
    *,
    logged: list[Trajectory] = LOGGED,
    accepted: list[Trajectory] = LOGGED[:3],
    judged: int | None = None,
    catalog_tokens: int = 500,
    prices: IncumbentSettings = PRICES,
    wanted: ReadinessSettings = LENIENT,
) -> Readiness:
    tools = CatalogValidator(CATALOG)
    return measure_readiness(
        day="2026-10-02",
        logged=[
            count_day(logged[::2], day="2026-10-01", tools=tools, redact=str),
            count_day(logged[1::2], day="2026-10-02", tools=tools, redact=str),
        ],
        accepted=accepted_runs(accepted),
        judged=len(logged) if judged is None else judged,
        catalog=CatalogSize(names=list(CATALOG.names), tokens=catalog_tokens, saved_tokens=catalog_tokens),
        prices=prices,
        wanted=wanted,
    )


def test_readiness_figures_are_those_of_the_logs() -> None:
    found = report()
    incumbent, surface, behaviour, saving = found.incumbent, found.surface, found.behaviour, found.saving
    assert (found.days, incumbent.runs, incumbent.turns_per_run) == (2, 4, 2.0)
    assert (incumbent.prompt_tokens_per_run, incumbent.completion_tokens_per_run) == (2000, 20)
    assert incumbent.prompt_tokens_per_turn == 6000 / 6  # run 4 says nothing of them, and adds no turns
    assert (incumbent.latency_ms_p50, incumbent.latency_ms_p95) == (200.0, 300.0)
    assert incumbent.runs_with_parse_failures == Share(n=1, of=3)
    assert incumbent.runs_with_bad_calls == Share(n=4, of=4)  # every call here lacks its arguments
    assert incumbent.runs_that_fit == Share(n=3, of=4)
    assert incumbent.cost_per_1k_runs == pytest.approx(1000 * (2000 * 2 + 20 * 10) / 1e6)
    assert (saving.tokens_per_turn, saving.share_of_prompt, saving.tokens_per_1k_runs) == (500, 0.5, 1_000_000)
    assert saving.money_per_1k_runs == pytest.approx(1000 * 500 * 2 * 2 / 1e6)
    assert (surface.tools, surface.churn.catalogs, surface.churn.tools_gone) == (3, 1, 1)
    assert surface.thin_tools == {"send_email": 0}
    assert (behaviour.accepted, behaviour.accepted_share, behaviour.kinds) == (3, 0.75, 2)
    assert behaviour.repeated_share == pytest.approx(2 / 3)
    assert behaviour.rows_by_tool == {"calculate": 1, "search": 2}
    assert {name for name, rows in behaviour.rows_by_category.items() if rows} == {"single_call"}
    assert len(behaviour.rows_by_category) == 6


def valid(id_: str, tool: str = "search", **usage: Any) -> Trajectory:
    arguments = {"search": {"query": "x", "kind": "notes"}, "forgotten": {}}[tool]
    made = trajectory(user("hi"), calls(("a", tool, arguments)), result("a", tool, "{}"), says("done"))
    return msgspec.structs.replace(made, trajectory_id=id_, usage=Usage(**usage))


SOUND = [valid(str(n), prompt_tokens=900, parse_failures=0) for n in range(10)]
READY = ReadinessSettings(min_runs=3, min_repeated=0.6, min_fit=0.7, min_accepted=0.7, min_runs_per_tool=1)
SURFACE, BEHAVIOUR, FORMAT = "fixed tool surface", "repetitive verifiable behaviour", "format reliability"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"logged": [*SOUND[:6], *(valid(str(n), "forgotten") for n in range(4))]}, [SURFACE]),
        ({"wanted": READY.model_copy(update={"min_runs": 11})}, [BEHAVIOUR]),
        ({"accepted": [*SOUND[:4], *LOGGED[2:]], "judged": 6}, [BEHAVIOUR]),  # a third of the kinds stands alone
        ({"judged": 20}, [BEHAVIOUR]),
        ({"catalog_tokens": 50}, [FORMAT]),
        ({"catalog_tokens": 50, "logged": [valid("1", prompt_tokens=900, parse_failures=1), *SOUND]}, []),
        ({"catalog_tokens": 50, "logged": [*SOUND, LOGGED[0]]}, []),
    ],
)
def test_readiness_verdict_turns_on_each_criterion(changed: dict[str, Any], expected: list[str]) -> None:
    given = {"logged": SOUND, "accepted": SOUND, "judged": 10, "wanted": READY.model_copy(update={"min_repeated": 0.7})}
    found = report(**{**given, **changed})
    assert [criterion.name for criterion in found.criteria if criterion.holds is not True] == expected
    assert found.verdict is (ReadinessVerdict.KEEP_PROMPTING if expected else ReadinessVerdict.FINE_TUNE)


def test_readiness_usage_without_logs_is_not_known() -> None:
    silent = [valid(str(n)) for n in range(200)]
    found = report(logged=silent, accepted=silent, catalog_tokens=5000, wanted=ReadinessSettings())
    assert found.verdict is ReadinessVerdict.NOT_KNOWN
    assert [criterion.holds for criterion in found.criteria] == [True, True, None]
    sentence = found.criteria[2].sentence
    assert "log usage.prompt_tokens" in sentence
    assert "log usage.parse_failures" in sentence
    page = render_readiness(found, agent="desk")
    assert "Not known yet" in page
    assert "not known: give usage.latency_ms" in page
    assert "0% of what" not in page


def test_readiness_zero_tokens_count_as_not_logged() -> None:
    zeros = [valid(str(n), prompt_tokens=0) for n in range(200)]
    found = report(logged=zeros, accepted=zeros, wanted=ReadinessSettings())
    assert found.saving.share_of_prompt is None


def test_readiness_golden_runs_are_in_no_share() -> None:
    kept = report(logged=SOUND, accepted=SOUND[:5], judged=10)
    with_golden = report(logged=SOUND, accepted=[*SOUND[:5], *map(golden, LOGGED * 10)], judged=10)
    assert with_golden.behaviour.accepted_share == kept.behaviour.accepted_share == 0.5
    assert with_golden.behaviour.repeated_share == kept.behaviour.repeated_share == 1.0
    assert with_golden.incumbent == kept.incumbent
    assert (with_golden.behaviour.accepted, with_golden.behaviour.golden) == (5, 40)
    assert with_golden.behaviour.rows_by_tool["calculate"] == 10  # they teach


def test_readiness_of_no_logs_is_not_known_and_no_error() -> None:
    found = report(logged=[], accepted=[])
    assert found.verdict is ReadinessVerdict.NOT_KNOWN
    assert (found.days, found.incumbent.turns_per_run, found.behaviour.accepted_share) == (0, None, None)
    page = render_readiness(found, agent="desk")
    assert "Not known yet" in page
    assert "0 days" in page


def test_readiness_of_one_run_on_one_day_says_so() -> None:
    found = report(logged=SOUND[:1], accepted=SOUND[:1])
    assert found.verdict is ReadinessVerdict.KEEP_PROMPTING  # one run is known to repeat nothing
    assert (found.behaviour.accepted_share, found.behaviour.repeated_share) == (1.0, 0.0)
    assert "1 day with logs" in render_readiness(found, agent="desk")


def test_readiness_saving_of_runs_is_capped_by_their_prompts() -> None:
    found = report(logged=SOUND, accepted=SOUND, catalog_tokens=5000)
    assert (found.saving.tokens_per_turn, found.saving.share_of_prompt) == (5000, 1.0)
    assert found.saving.tokens_per_1k_runs == 900_000


def test_readiness_saving_without_a_price_is_in_tokens() -> None:
    found = report(prices=IncumbentSettings())
    assert found.incumbent.cost_per_1k_runs is None
    assert (found.saving.tokens_per_1k_runs, found.saving.money_per_1k_runs) == (1_000_000, None)


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


def test_readiness_page_escapes_names_and_needs_no_network() -> None:
    hostile = "<script>alert(1)</script>"
    page = render_readiness(report(accepted=[run("1", hostile), run("2", hostile)]), agent="desk")
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "runs logged" in page


def test_readiness_counts_a_repeated_conversation_once() -> None:
    said = [user("hi"), calls(("a", "search", {})), result("a", "search", "{}"), says("done")]
    said += [user("and?"), says("that is all"), user("thanks"), says("welcome")]
    again = [trajectory(*said[:end], id_=str(end)) for end in (4, 6, 8)]
    found = report(logged=again, accepted=again)
    behaviour = found.behaviour
    assert (behaviour.accepted, behaviour.accepted_share, behaviour.continued_in_another) == (3, 1.0, 2)
    assert (behaviour.rows_by_tool, behaviour.kinds, behaviour.repeated_share) == ({"search": 1}, 1, 0.0)
    sentences = [one.sentence for each in found.criteria for one in each.readings]
    assert "accepted runs, golden ones counted, a conversation once: 1, wanted 1" in sentences


def test_accepted_runs_of_signature_files_are_those_of_the_runs(tmp_path: Path) -> None:
    said = [user("hi"), calls(("a", "search", {})), result("a", "search", "{}"), says("done"), user("and?")]
    again = [trajectory(*said[:end], id_=str(end)) for end in (4, 5)]
    days = [[*LOGGED, again[0]], [*map(golden, LOGGED[:2]), again[1]], []]
    files = [tmp_path / f"{number}.parquet" for number in range(len(days))]
    for runs, file in zip(days, files, strict=True):
        write_signatures(accepted(runs), file)
    assert read_accepted_runs(files) == accepted_runs([run for runs in days for run in runs])


@given(windows())
def test_readiness_merged_days_equal_the_whole_window(window: dict[str, Any]) -> None:
    tools, logged = CatalogValidator(CATALOG), window["logged"]
    added = LoggedRunCounts()
    for part in (logged[::3], logged[1::3], logged[2::3]):
        added.merge(count_day(part, day="2026-10-01", tools=tools, redact=str))
    whole = count_day([*logged[::3], *logged[1::3], *logged[2::3]], day="2026-10-01", tools=tools, redact=str)
    assert added == whole


def test_counts_of_a_day_are_read_as_they_were_written(tmp_path: Path) -> None:
    counts = count_day(LOGGED, day="2026-10-01", tools=CatalogValidator(CATALOG), redact=str.upper)
    write_day(counts, tmp_path / "counts.json")
    assert read_day(tmp_path / "counts.json") == counts
    assert set(counts.tools.gone) == {"FORGOTTEN"}
