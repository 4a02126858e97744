"""Stream rows of any kind into a parquet file.

Invariant: at most one row group is in memory, however many rows a day has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import BATCH_ROWS, TRAJECTORY_SCHEMA, to_batch

_CONVERTED_ROWS = 256
"""Rows buffered as Python objects: at 4 KB each they fit a core's cache, which makes a row of 34 messages a third
cheaper than buffering a whole row group."""


class RowWriter:
    """Writes rows into one zstd parquet file of a schema; `rows` counts the rows added.

    `batch` converts rows to an Arrow batch, by default structs with the schema's fields. Used as a context manager:
    the file is complete if the block ends without an error.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, *, batch: Callable[[Sequence[Any]], pa.RecordBatch] | None = None
    ) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False)
        self._batch = batch or (lambda rows: to_batch(rows, schema))
        self._buffer: list[Any] = []
        self._group: list[pa.RecordBatch] = []
        self.rows = 0

    def add(self, row: Any) -> None:
        """Add one row."""
        self._buffer.append(row)
        self.rows += 1
        if self.rows % _CONVERTED_ROWS == 0:
            self._convert()
        if self.rows % BATCH_ROWS == 0:
            self._flush()

    def _convert(self) -> None:
        self._group.append(self._batch(self._buffer))
        self._buffer.clear()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._group))
        self._group.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if self._buffer:
                self._convert()
            if self._group:
                self._flush()
        self._writer.close()


def write_trajectories(trajectories: Iterable[Trajectory], path: Path) -> int:
    """Stream trajectories into one zstd parquet file; return the number of rows."""
    with RowWriter(path, TRAJECTORY_SCHEMA) as writer:
        for trajectory in trajectories:
            writer.add(trajectory)
    return writer.rows
