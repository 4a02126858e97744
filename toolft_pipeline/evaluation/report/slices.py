"""The figures by category, tool and turn, as rows: one table for parquet, for the page and for the UI.

Invariant: nothing is counted here; a row is a `Slice` of metrics.json with its place, and a rate over nothing is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, Slice

SLICES_FILE = "slices.parquet"


class By(StrEnum):
    """What the steps are told apart by."""

    CATEGORY = "category"
    TOOL = "tool"
    TURN = "turn"
    """The number of the assistant turn in its task, from 1."""


SLICE_RATES = ("right_tool", "exact_match", "functional_match", "task_success")
"""Rates of a slice; the last is of tasks, and only a category has tasks of its own."""

_RATE = pa.struct([("value", pa.float64()), ("low", pa.float64()), ("high", pa.float64())])

SLICE_SCHEMA = pa.schema(
    [
        pa.field("model", pa.string(), nullable=False),
        pa.field("by", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("n_steps", pa.int32(), nullable=False),
        pa.field("n_tasks", pa.int32(), nullable=False),
        *(pa.field(rate, _RATE) for rate in SLICE_RATES),
    ]
)


def slices_of(metrics: ModelMetrics) -> Iterator[tuple[By, str, Slice]]:
    """Every slice of a model with its place: categories and tools by name, turns by number."""
    yield from ((By.CATEGORY, name, metrics.by_category[name]) for name in sorted(metrics.by_category))
    yield from ((By.TOOL, name, metrics.by_tool[name]) for name in sorted(metrics.by_tool))
    yield from ((By.TURN, name, metrics.by_turn[name]) for name in sorted(metrics.by_turn, key=int))


def write_slices(models: Mapping[str, ModelMetrics], folder: Path) -> None:
    """`slices.parquet`: one row a slice of each model."""
    rows = [
        {"model": model, "by": str(by), "name": name, "n_steps": part.n_steps, "n_tasks": part.n_tasks}
        | {rate: _cells(part, rate) for rate in SLICE_RATES}
        for model, metrics in models.items()
        for by, name, part in slices_of(metrics)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SLICE_SCHEMA), folder / SLICES_FILE, compression="zstd")


def _cells(part: Slice, rate: str) -> dict[str, float] | None:
    found = getattr(part, rate)
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}
