"""The table of accepted runs: each trajectory with the category, tools and failed results that verification found.

Invariant: verification computes these columns once, with the agent's own forms of failed calls. Later stages read them
and do not judge results again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter
from toolft_pipeline.trajectories.table import BATCH_ROWS, TRAJECTORY_SCHEMA, column, from_batch, to_batch

_CATEGORY = pa.field("category", pa.string(), nullable=False)
_TOOLS = pa.field("tools", pa.list_(pa.string()), nullable=False)
_FAILED = pa.field("failed_results", pa.list_(pa.int32()), nullable=False)

ACCEPTED_SCHEMA = pa.schema([*TRAJECTORY_SCHEMA, _CATEGORY, _TOOLS, _FAILED])


class AcceptedTableError(FixableError, ValueError):
    """An accepted table without the added columns; the message says how to write it again."""


class AcceptedRun(Struct, frozen=True, kw_only=True, gc=False):
    """An accepted run; `tools` are the names of those that it calls, sorted, each once.

    `failed_results` are the results that report a failed call, numbered among the results of the run.
    """

    run: Trajectory
    category: Category
    tools: tuple[str, ...]
    failed_results: tuple[int, ...] = ()


def write_accepted_rows(runs: Iterable[AcceptedRun], path: Path) -> int:
    """Stream accepted runs into one zstd parquet file; return the number of rows."""
    with RowWriter(path, ACCEPTED_SCHEMA, batch=_to_batch) as writer:
        for run in runs:
            writer.add(run)
    return writer.rows


def read_accepted_rows(path: Path) -> Iterator[AcceptedRun]:
    """Stream the rows of an accepted table. Raises `AcceptedTableError`."""
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        if not {field.name for field in (_CATEGORY, _TOOLS, _FAILED)} <= set(parquet.schema_arrow.names):
            raise AcceptedTableError(
                f"{path}: no columns category, tools and failed_results, because an older release wrote it; "
                "run verified_trajectories again (`toolft run AGENT`)"
            )
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
            runs = from_batch(batch.select(TRAJECTORY_SCHEMA.names))
            added = [batch[field.name].to_pylist() for field in (_CATEGORY, _TOOLS, _FAILED)]
            for run, category, tools, failed in zip(runs, *added, strict=True):
                yield AcceptedRun(
                    run=run, category=Category(category), tools=tuple(tools), failed_results=tuple(failed)
                )


def _to_batch(rows: Sequence[AcceptedRun]) -> pa.RecordBatch:
    runs = to_batch([row.run for row in rows])
    categories = column([row.category for row in rows], _CATEGORY.type)
    tools = column([row.tools for row in rows], _TOOLS.type)
    failed = column([row.failed_results for row in rows], _FAILED.type)
    return pa.RecordBatch.from_arrays([*runs.columns, categories, tools, failed], schema=ACCEPTED_SCHEMA)
