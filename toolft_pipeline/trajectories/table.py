"""Trajectories as Arrow: the schema, and conversion between records and batches.

Invariant: `from_batch(to_batch(...))` returns equal records. Readers stream batches, so that a whole day is in memory
only if the caller makes a list of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.trajectories.record import (
    Message,
    Origin,
    Outcome,
    OutcomeStatus,
    Part,
    Role,
    Source,
    ToolCall,
    Trajectory,
    Usage,
)

_TEXT = pa.string()
_PART = pa.struct([("type", _TEXT), ("text", _TEXT), ("image_sha256", _TEXT), ("mime", _TEXT)])
_CALL = pa.struct([("id", _TEXT), ("name", _TEXT), ("arguments_json", _TEXT)])
_MESSAGE = pa.struct(
    [
        ("role", _TEXT),
        ("content", pa.list_(_PART)),
        ("reasoning", _TEXT),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", _TEXT),
        ("name", _TEXT),
        ("train", pa.bool_()),
    ]
)

TRAJECTORY_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", _TEXT, nullable=False),
        pa.field("agent", _TEXT, nullable=False),
        pa.field(
            "source", pa.struct([("file", _TEXT), ("line", pa.int64()), ("offset", pa.int64()), ("format", _TEXT)])
        ),
        pa.field("started_at", _TEXT),
        pa.field("task_id", _TEXT),
        pa.field("task_key", _TEXT),
        pa.field("outcome", pa.struct([("status", _TEXT), ("evidence", _TEXT)])),
        pa.field("golden", pa.bool_(), nullable=False),
        pa.field("origin", _TEXT, nullable=False),
        pa.field("messages", pa.list_(_MESSAGE), nullable=False),
        pa.field("tools_digest", _TEXT),
        pa.field("unoffered_tools", pa.list_(_TEXT), nullable=False),
        pa.field("initial_state_ref", _TEXT),
        pa.field("final_state_ref", _TEXT),
        pa.field(
            "usage",
            pa.struct(
                [
                    ("prompt_tokens", pa.int64()),
                    ("completion_tokens", pa.int64()),
                    ("latency_ms", pa.float64()),
                    ("parse_failures", pa.int64()),
                ]
            ),
        ),
    ]
)

_RECORDS: dict[str, type[Struct]] = {
    "source": Source,
    "outcome": Outcome,
    "messages": Message,
    "content": Part,
    "tool_calls": ToolCall,
    "usage": Usage,
}

_ENUMS: dict[str, dict[str, StrEnum]] = {
    "role": {role.value: role for role in Role},
    "status": {status.value: status for status in OutcomeStatus},
    "origin": {origin.value: origin for origin in Origin},
}

BATCH_ROWS = 2048
"""Rows of a written row group and of a read batch: about 8 MB of 4 KB trajectories."""


def to_batch(records: Sequence[Struct], schema: pa.Schema = TRAJECTORY_SCHEMA) -> pa.RecordBatch:
    """Convert records with the fields of a schema to one Arrow batch."""
    columns = [column(list(map(attrgetter(field.name), records)), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def from_batch(batch: pa.RecordBatch) -> list[Trajectory]:
    """Convert a batch of `TRAJECTORY_SCHEMA` to records. Raises `KeyError` for an unknown role or status."""
    names = batch.schema.names
    columns = [_values(column, name) for column, name in zip(batch.columns, names, strict=True)]
    return [Trajectory(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def list_column(
    lists: Sequence[Sequence[Any]], kind: pa.ListType, inner: Callable[[list[Any], pa.DataType], pa.Array]
) -> pa.ListArray:
    """Convert lists to one array; `inner` converts their concatenated items."""
    offsets = np.zeros(len(lists) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, lists), dtype=np.int32, count=len(lists)), out=offsets[1:])
    items = inner(list(chain.from_iterable(lists)), kind.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=kind)


def column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Convert records, tuples of records or scalars to one array, one leaf column at a time over all rows."""
    if pa.types.is_list(kind):
        return list_column(values, kind, column)
    if pa.types.is_struct(kind):
        fields = list(kind)
        inner = [column(list(map(attrgetter(field.name), values)), field.type) for field in fields]
        return pa.StructArray.from_arrays(inner, fields=fields)
    return pa.array(values, kind)


def _values(array: pa.Array, name: str) -> list[Any]:
    """Inverse of `column`; `name` is the field's name, which decides the record or enum type of the values."""
    if pa.types.is_list(array.type):
        inner = _values(array.flatten(), name)
        return [tuple(inner[start:end]) for start, end in pairwise(_offsets(array))]
    if pa.types.is_struct(array.type):
        columns = [_values(column, field.name) for column, field in zip(array.flatten(), array.type, strict=True)]
        return list(map(_RECORDS[name], *columns))
    values = array.to_pylist()
    return list(map(_ENUMS[name].__getitem__, values)) if name in _ENUMS else values


def _offsets(array: pa.ListArray) -> list[int]:
    """Start of each list in the flattened values, and end of the last; starts at 0 for slices too."""
    offsets = array.offsets.to_numpy()
    return list(map(int, offsets - offsets[0]))


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Stream the trajectories of a parquet file, in the order written.

    Columns that the schema does not have are not read.
    """
    with pq.ParquetFile(path, pre_buffer=False) as parquet:  # pre_buffer reads the whole file into memory
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=TRAJECTORY_SCHEMA.names):
            yield from from_batch(batch)
