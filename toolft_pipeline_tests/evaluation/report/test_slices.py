"""Slices as rows: those of metrics.json and no other, turns in the order of their numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from toolft_pipeline.evaluation.report.slices import SLICES_FILE, By, slices_of, write_slices
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, Slice, metrics_in
from toolft_pipeline_tests.evaluation.figures import figures


def _slice(**figures: Rate | int | None) -> Slice:
    return {"n_steps": 4, "n_tasks": 0, **dict.fromkeys(metrics_in(Place.SLICE)), **figures}


def sliced() -> ModelMetrics:
    """Eleven turns, two categories, one tool."""
    turns = {str(number): _slice(right_tool=wilson(number % 5, 4)) for number in range(1, 12)}
    category = _slice(right_tool=wilson(2, 4), exact_match=wilson(1, 4), n_tasks=2, task_success=wilson(1, 2))
    return replace(
        figures(50),
        by_turn=dict(sorted(turns.items())),
        by_category={"single_call": category, "multi_step": category},
        by_tool={"search": _slice(n_steps=3, right_tool=wilson(3, 3), exact_match=wilson(2, 3))},
    )


def test_slices_turns_stand_in_the_order_of_their_numbers() -> None:
    assert [name for by, name, _ in slices_of(sliced()) if by is By.TURN] == [str(number) for number in range(1, 12)]


def test_slices_are_a_row_each_with_intervals_and_nothing_where_nothing_was_counted(tmp_path: Path) -> None:
    write_slices({"candidate": sliced(), "base": figures(3)}, tmp_path)
    rows = pq.read_table(tmp_path / SLICES_FILE).to_pylist()
    assert len(rows) == 11 + 2 + 1
    by_name = {(row["by"], row["name"]): row for row in rows}
    tool = by_name["tool", "search"]
    assert (tool["model"], tool["n_steps"], tool["n_tasks"], tool["task_success"]) == ("candidate", 3, 0, None)
    assert tool["exact_match"] == {"value": 2 / 3, "low": wilson(2, 3).low, "high": wilson(2, 3).high}
    assert by_name["category", "multi_step"]["task_success"]["value"] == 0.5
