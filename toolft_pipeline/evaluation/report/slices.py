"""The figures by level, category, tool and turn as a table, for parquet and for Dagster.

Invariant: nothing is counted here; a row is a slice of metrics.json, and a rate over nothing is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.evaluation.report.comparison import percent_with_interval
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, Slice, metrics_in

if TYPE_CHECKING:
    from pandas import DataFrame

SLICES_FILE = "slices.parquet"


class By(StrEnum):
    """What the steps are grouped by."""

    LEVEL = "level"

    CATEGORY = "category"
    TOOL = "tool"
    TURN = "turn"
    """The number of the assistant turn in its task, from 1."""


_RATE = pa.struct([("value", pa.float64()), ("low", pa.float64()), ("high", pa.float64())])

SLICE_SCHEMA = pa.schema(
    [
        pa.field("model", pa.string(), nullable=False),
        pa.field("by", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("n_steps", pa.int32(), nullable=False),
        pa.field("n_tasks", pa.int32(), nullable=False),
        *(pa.field(metric, _RATE) for metric in metrics_in(Place.SLICE)),
    ]
)


def slices_of(metrics: ModelMetrics) -> Iterator[tuple[By, str, Slice]]:
    """Every slice of a model: levels in order, categories and tools by name, turns by number."""
    yield from ((By.LEVEL, name, part) for name, part in metrics.by_level.items())
    yield from ((By.CATEGORY, name, metrics.by_category[name]) for name in sorted(metrics.by_category))
    yield from ((By.TOOL, name, metrics.by_tool[name]) for name in sorted(metrics.by_tool))
    yield from ((By.TURN, name, metrics.by_turn[name]) for name in sorted(metrics.by_turn, key=int))


def write_slices(models: Mapping[str, ModelMetrics], folder: Path) -> None:
    """Write `slices.parquet`: one row a slice of each model."""
    rows = [
        {"model": model, "by": str(by), "name": name, **msgspec.to_builtins(figures)}
        for model, metrics in models.items()
        for by, name, figures in slices_of(metrics)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SLICE_SCHEMA), folder / SLICES_FILE, compression="zstd")


def read_slices(file: Path) -> DataFrame:
    """Read `slices.parquet` for people: labels as columns, rates in percent with their intervals, which are wide for
    slices of a few turns; "" where nothing was counted.
    """
    labels = {name: metric.label for name, metric in metrics_in(Place.SLICE).items()}
    table: DataFrame = pq.read_table(file).to_pandas()
    known = [name for name in labels if name in table]
    table[known] = table[known].map(lambda rate: "" if rate is None else percent_with_interval(rate))
    return table.drop(columns="n_tasks").rename(columns={**labels, "name": "", "n_steps": "turns"})
