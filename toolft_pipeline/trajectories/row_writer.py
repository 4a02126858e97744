"""Rows of any kind streamed into a parquet file.

Invariant: no more than one row group is in memory, however many rows a day has.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.trajectories.table import BATCH_ROWS, to_batch


class RowWriter:
    """Writes structs with the fields of a schema into one zstd parquet file; `rows` counts what was added.

    A context: the file is whole when it ends without an error.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema = schema
        self._waiting: list[Struct] = []
        self.rows = 0

    def add(self, row: Struct) -> None:
        """Take one row."""
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_batch(to_batch(self._waiting, self._schema))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._waiting:
            self._flush()
        self._writer.close()
