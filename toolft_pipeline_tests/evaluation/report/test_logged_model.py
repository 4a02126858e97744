from __future__ import annotations

import pytest

from toolft_pipeline.curation.readiness.production_stats import Incumbent, Share
from toolft_pipeline.evaluation.report.logged_model import LoggedMetrics, logged_metrics


def incumbent(*, runs: int = 40) -> Incumbent:
    return Incumbent(
        runs=runs, turns=100, turns_per_run=2.5, prompt_tokens_per_run=None, prompt_tokens_per_turn=None,
        completion_tokens_per_run=None, tokens_per_turn=None, latency_ms_p50=900.0, latency_ms_p95=2000.0,
        turn_ms_p50=300.0, turn_ms_p95=700.0,
        runs_with_parse_failures=None, runs_with_bad_calls=None, runs_that_fit=None, turns_parsed=Share(n=90, of=100),
        turns_valid=Share(n=45, of=50), turns_made_up=Share(n=0, of=100), runs_done=Share(n=30, of=40),
        cost_per_1k_runs=1.5,
    )  # fmt: skip


def column(*, runs: int = 40) -> LoggedMetrics:
    found = logged_metrics(incumbent(runs=runs))
    assert found is not None
    return found


def test_logged_metrics_say_what_logs_say_with_intervals() -> None:
    found = column()
    assert found.task_success is not None
    assert found.task_success.value == 0.75
    assert (found.task_success.low, found.task_success.high) == pytest.approx((0.598, 0.858), abs=0.001)  # Wilson
    assert (found.n_tasks, found.n_steps, found.latency_ms_p50, found.latency_ms_p95) == (40, 100, 300.0, 700.0)


def test_logged_metrics_of_what_only_the_tasks_can_say_are_open() -> None:
    found = column()
    assert {found.right_tool, found.exact_match, found.fuzzy_match, found.functional_match, found.general_ability,
            found.tokens_per_turn} == {None}  # fmt: skip


def test_logged_metrics_say_that_no_paired_test_compares_them() -> None:
    assert "40 logged runs of its own traffic, other tasks than these, so no paired test compares it" in column().note


def test_logged_metrics_of_no_runs_are_no_column() -> None:
    assert logged_metrics(incumbent(runs=0)) is None
