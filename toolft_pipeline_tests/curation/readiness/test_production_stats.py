"""What logs say of the model that runs the agent now, recounted by hand: runs that are silent are outside a figure."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.catalog.sources import catalog_from_file
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.readiness.production_stats import Incumbent, LoggedRuns, Share, incumbent_of
from toolft_pipeline.settings import IncumbentSettings
from toolft_pipeline.trajectories.record import Outcome, OutcomeStatus, Trajectory, Usage
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

TOOLS = CatalogValidator(catalog_from_file(REPOSITORY / "data" / "assistant" / "catalog.json"))
GOOD, NO_QUERY, MADE_UP = (
    ("search", {"query": "x", "kind": "notes"}),
    ("search", {}),
    ("serch", {"query": "x", "kind": "notes"}),
)


def run(status: OutcomeStatus, *made: tuple[str, dict[str, Any]], **usage: Any) -> Trajectory:
    turns = [each for name, arguments in made for each in (calls(("a", name, arguments)), result("a", name, "{}"))]
    done = trajectory(user("hi"), *turns, says("done"))
    return replace(done, outcome=Outcome(status=status), usage=Usage(**usage))


RUNS = [
    run(OutcomeStatus.SUCCESS, GOOD, GOOD, prompt_tokens=900, completion_tokens=30, latency_ms=300, parse_failures=1),
    run(OutcomeStatus.FAILURE, NO_QUERY, prompt_tokens=400, completion_tokens=20, latency_ms=400, parse_failures=9),
    run(OutcomeStatus.UNKNOWN, MADE_UP, prompt_tokens=500),
]


def counted(runs: list[Trajectory], **prices: float) -> Incumbent:
    seen = LoggedRuns()
    for made in runs:
        seen.add(made, tools=TOOLS)
    return incumbent_of(seen, prices=IncumbentSettings(**prices))


def test_logged_runs_figures_are_those_counted_by_hand() -> None:
    found = counted(RUNS, price_per_million_prompt_tokens=1.0, price_per_million_completion_tokens=2.0)
    assert (found.runs, found.turns) == (3, 3 + 2 + 2)
    assert found.turns_parsed == Share(n=(3 - 1) + (2 - 2), of=3 + 2)  # nine failures are no more than two turns
    assert found.turns_valid == Share(n=2, of=4)
    assert found.turns_made_up == Share(n=1, of=7)
    assert found.runs_done == Share(n=1, of=2)  # an unknown outcome is neither
    assert (found.turn_ms_p50, found.turn_ms_p95) == (100, 200)  # nearest rank: half of two is the first
    assert found.tokens_per_turn == (930 + 420) / 5
    assert found.cost_per_1k_runs == pytest.approx(1000 * (650 * 1 + 25 * 2) / 1e6)  # the third tells half


def test_logged_runs_that_say_nothing_leave_every_figure_open() -> None:
    found = counted([run(OutcomeStatus.UNKNOWN)])
    assert (found.turns_parsed, found.turns_valid, found.runs_done) == (None, None, None)
    assert (found.turn_ms_p50, found.tokens_per_turn, found.cost_per_1k_runs) == (None, None, None)
    assert found.turns_made_up == Share(n=0, of=1)


def test_logged_runs_cost_wants_both_prices_and_both_counts() -> None:
    read, written = {"price_per_million_prompt_tokens": 1.0}, {"price_per_million_completion_tokens": 2.0}
    assert counted(RUNS, **read).cost_per_1k_runs is None
    assert counted(RUNS[2:], **read, **written).cost_per_1k_runs is None
    assert counted(RUNS[:2], **read, **written).cost_per_1k_runs is not None
