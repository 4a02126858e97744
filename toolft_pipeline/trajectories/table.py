"""Trajectories as Arrow: the one schema, and both directions between records and batches.

Invariant: `read_trajectories(write(...))` gives back equal records. Readers stream batches; no caller ever holds a
whole day in memory unless it asks for a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.trajectories.record import Trajectory

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

BATCH_ROWS = 2048
"""Rows of a written row group and of a read batch: about 8 MB of 4 KB trajectories."""


def to_batch(trajectories: Iterable[Trajectory]) -> pa.RecordBatch:
    """Records as one Arrow batch of `TRAJECTORY_SCHEMA`."""
    rows = [msgspec.to_builtins(trajectory) for trajectory in trajectories]
    return pa.RecordBatch.from_pylist(rows, schema=TRAJECTORY_SCHEMA)


def from_batch(batch: pa.RecordBatch) -> list[Trajectory]:
    """The records of one batch. Raises `msgspec.ValidationError` where a row is not a trajectory."""
    return msgspec.convert(batch.to_pylist(), list[Trajectory])


def write_trajectories(trajectories: Iterable[Trajectory], path: Path) -> int:
    """Stream trajectories into one zstd parquet file; returns the rows written."""
    rows = 0
    stream = iter(trajectories)
    with pq.ParquetWriter(path, TRAJECTORY_SCHEMA, compression="zstd") as writer:
        while chunk := list(islice(stream, BATCH_ROWS)):
            writer.write_batch(to_batch(chunk))
            rows += len(chunk)
    return rows


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Stream the trajectories of a parquet file, in the order written."""
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
            yield from from_batch(batch)
