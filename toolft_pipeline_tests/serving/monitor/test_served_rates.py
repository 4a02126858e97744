from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.ingest.served_turns import ServedTurnRow
from toolft_pipeline.serving.monitor.gate_figures import GateFigures, shortfalls
from toolft_pipeline.serving.monitor.served_rates import ServedRates, served_rates


def row(**fields: Any) -> ServedTurnRow:
    turn = ServedTurnRow(
        trajectory_id="run-1",
        started_at="2026-11-29T10:00:00Z",
        model_day="2026-11-28",
        model_digest="ab",
        adapter_digest=None,
        arm="champion",
        kept=True,
        fault=None,
        calls=0,
        invalid_arguments=0,
        fallback=None,
        catalog_drift=False,
        prompt_tokens=100,
        new_tokens=10,
        latency_ms=50.0,
        first_token_ms=5.0,
        queued_ms=0.0,
    )
    return structs.replace(turn, **fields)


def rates(*turns: ServedTurnRow) -> ServedRates:
    [found] = served_rates(turns)
    return found


def test_each_fault_lowers_its_own_rates() -> None:
    found = rates(
        row(),
        row(calls=1),
        row(calls=2, invalid_arguments=1),
        row(fault="malformed_tool_call"),
        row(calls=1, fault="unknown_tool"),
        row(fault="length"),
        row(calls=1, fault="tool_choice"),
        row(),
    )
    assert found.parse_rate.value == 6 / 8
    assert found.known_tools.value == 7 / 8
    assert found.valid_arguments is not None
    assert found.valid_arguments.value == 2 / 5
    assert found.faults == {"length": 1, "malformed_tool_call": 1, "tool_choice": 1, "unknown_tool": 1}


def test_the_fallbacks_turns_count_with_the_models_own_fault() -> None:
    found = rates(row(fault="malformed_tool_call", fallback="incumbent"), row())
    assert (found.parse_rate.value, found.fallback_share.value) == (0.5, 0.5)


def test_intervals_are_clustered_by_conversation() -> None:
    def half(size: int) -> Rate:
        turns = [
            row(trajectory_id=f"run-{number // size}", fault=None if number // size % 2 else "length")
            for number in range(120)
        ]
        return rates(*turns).parse_rate

    alone, clustered = half(1), half(12)
    assert alone.value == clustered.value == 0.5
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_models_are_apart_the_newest_first() -> None:
    found = served_rates(
        [row(), row(model_day="2026-11-29", model_digest="cd", arm="candidate"), row(model_digest="x")]
    )
    assert [(each.model_day, each.model_digest, each.turns) for each in found] == [
        ("2026-11-29", "cd", 1),
        ("2026-11-28", "x", 1),
        ("2026-11-28", "ab", 1),
    ]
    assert served_rates([]) == []


def test_latencies_and_tokens() -> None:
    found = rates(*(row(latency_ms=float(ms), prompt_tokens=ms) for ms in range(1, 102)))
    assert (found.latency_ms_p50, found.latency_ms_p95, found.prompt_tokens_per_turn) == (51.0, 96.0, 51.0)


def gate(value: float) -> GateFigures:
    sure = Rate(value=value, low=value, high=value)
    none = Rate(value=0.0, low=0.0, high=0.0)
    return GateFigures(parse_rate=sure, hallucinated_tool=none, valid_arguments=sure)


@pytest.mark.parametrize(
    ("failures", "turns", "short"),
    [(0, 200, []), (6, 200, []), (60, 200, ["parse rate"]), (1, 4, [])],
)
def test_only_a_certain_drop_is_a_shortfall(failures: int, turns: int, short: list[str]) -> None:
    found = rates(
        *(row(trajectory_id=f"run-{number}", fault="length" if number < failures else None) for number in range(turns))
    )
    assert [each.rate for each in shortfalls(found, gate(1.0), max_drop=0.05)] == short
