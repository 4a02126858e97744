"""What the UI and `toolft show` say of a readiness report: the verdict with its saving, and no figure made up."""

from __future__ import annotations

import json
from typing import Any

from toolft_pipeline.orchestration.metadata import shown
from toolft_pipeline.settings import IncumbentSettings
from toolft_pipeline.stages.presentation.readiness_metadata import readiness_headline
from toolft_pipeline_tests.curation.readiness.readiness_runs import LOGGED, SOUND, report, valid


def headline(**given: Any) -> dict[str, Any]:
    changes = {"2026-10-02T03:00:00+00:00": "+ fax"}
    return json.loads(json.dumps(readiness_headline(report(**given), catalog_changes=changes)))


def test_headline_says_what_it_saves_in_tokens_and_money() -> None:
    found = headline()
    assert (
        found["saving"]
        == "500 tokens a turn (50% of what a turn reads); tokens per 1,000 runs: 1,000,000; their cost: 2.00"
    )
    figures = ("saving_tokens_per_turn", "saving_tokens_per_1k_runs", "saving_cost_per_1k_runs", "cost_per_1k_runs")
    assert [found[name] for name in figures] == [500, 1_000_000, 2.0, 4.2]
    assert (found["latency_ms_p50"], found["latency_ms_p95"]) == (200, 300)
    assert (found["prompt_tokens_per_run"], found["prompt_tokens_per_turn"]) == (2000, 1000)
    assert (found["runs_with_parse_failures"], found["runs_that_fit_today"]) == (0.3333, 0.75)
    assert (found["catalogs_offered"], found["tools_gone"]) == (1, {"forgotten": 1})
    assert found["catalog_changes"] == {"2026-10-02T03:00:00+00:00": "+ fax"}


def test_headline_without_prices_saves_tokens_and_says_what_is_missing() -> None:
    found = headline(prices=IncumbentSettings())
    assert found["saving_tokens_per_1k_runs"] == 1_000_000
    assert "incumbent prices" in found["saving_cost_per_1k_runs"]
    assert "incumbent prices" in found["saving"]


def test_headline_of_silent_logs_names_what_to_log_and_no_zero() -> None:
    found = headline(logged=[valid("1")] * 3, accepted=[valid("1")] * 3, prices=IncumbentSettings())
    assert (found["verdict"], found["failed"], found["not_known"]) == ("not known yet", [], ["format reliability"])
    silent = {name for name, value in found.items() if isinstance(value, str) and value.startswith("not known: give")}
    assert silent == {
        "saving_cost_per_1k_runs", "cost_per_1k_runs", "prompt_tokens_per_turn", "prompt_tokens_per_run",
        "completion_tokens_per_run", "latency_ms_p50", "latency_ms_p95", "runs_with_parse_failures", "catalogs_offered",
    }  # fmt: skip


def test_headline_is_shown_whole_by_the_ui() -> None:
    assert all(shown(value) for value in headline(logged=SOUND, accepted=LOGGED).values())
