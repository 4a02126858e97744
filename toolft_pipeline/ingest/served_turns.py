"""The table of a day's served turns: faults, calls, tokens and times of each answered request, no text.

Invariant: it has no message, no argument and no token id, so it may be read where the raw zone may not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.ingest.parsing.served_key import ServedTurnLine

SERVED_TURNS_FILE = "served_turns.parquet"

SERVED_TURNS_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("started_at", pa.string(), nullable=False),
        pa.field("model_day", pa.string(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
        pa.field("adapter_digest", pa.string()),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("fault", pa.string()),
        pa.field("calls", pa.int64(), nullable=False),
        pa.field("invalid_arguments", pa.int64(), nullable=False),
        pa.field("fallback", pa.string()),
        pa.field("constrained_changes", pa.int64(), nullable=False),
        pa.field("catalog_drift", pa.bool_(), nullable=False),
        pa.field("catalog_tokens_saved", pa.int64(), nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("new_tokens", pa.int64(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("first_token_ms", pa.float64()),
        pa.field("queued_ms", pa.float64(), nullable=False),
    ]
)


class ServedTurnRow(Struct, frozen=True, kw_only=True, gc=False):
    """One answered request. `kept` says whether its answer is a message of the run; `calls` counts the model's own.

    Fields with a default came later: the tables of older versions do not have them.
    """

    trajectory_id: str
    started_at: str
    model_day: str
    model_digest: str
    adapter_digest: str | None
    arm: str
    kept: bool
    fault: str | None
    calls: int
    invalid_arguments: int
    fallback: str | None
    catalog_drift: bool
    prompt_tokens: int
    new_tokens: int
    latency_ms: float
    first_token_ms: float | None
    queued_ms: float
    constrained_changes: int = 0
    catalog_tokens_saved: int = 0


def turn_row(trajectory_id: str, turn: ServedTurnLine) -> ServedTurnRow:
    """The row of a turn of a run."""
    return ServedTurnRow(
        trajectory_id=trajectory_id,
        started_at=turn.started_at,
        model_day=turn.model_day,
        model_digest=turn.model_digest,
        adapter_digest=turn.adapter_digest,
        arm=turn.arm,
        kept=turn.message is not None,
        fault=turn.fault,
        calls=len(turn.calls),
        invalid_arguments=len(turn.invalid_arguments),
        fallback=turn.fallback,
        constrained_changes=turn.constrained_changes,
        catalog_drift=turn.catalog_drift,
        catalog_tokens_saved=turn.catalog_tokens_saved,
        prompt_tokens=turn.prompt_tokens,
        new_tokens=turn.new_tokens,
        latency_ms=turn.latency_ms,
        first_token_ms=turn.first_token_ms,
        queued_ms=turn.queued_ms,
    )


def read_served_turns(folder: Path) -> Iterator[ServedTurnRow]:
    """Stream the served turns of a raw version's folder; none where nothing was served."""
    path = folder / SERVED_TURNS_FILE
    if path.is_file():
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches():
                yield from msgspec.convert(batch.to_pylist(), list[ServedTurnRow])
