"""How long answers take: of each turn in its batch, and of a few requests that are answered alone.

Invariant: times are kept apart from answers. `latencies.parquet` enters no content digest, so the same answers have the
same digest on every machine. A turn in a batch waits for its neighbours, so its time is no time that a user waits;
requests answered alone are what a single user sees, without network or queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.evaluation.models.generation import Generation, Generator

LATENCIES_FILE = "latencies.parquet"

LATENCY_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("busy_ms", pa.float64(), nullable=False),
        pa.field("batch_rows", pa.int32(), nullable=False),
        pa.field("n_prompt_tokens", pa.int32(), nullable=False),
        pa.field("n_new_tokens", pa.int32(), nullable=False),
    ]
)


class Latency(Struct, frozen=True, kw_only=True):
    """The time of one answer. `kind` is `step` (in its batch) or `single` (alone); `turn` counts the assistant turns of
    its task from 0. Times in milliseconds; `busy_ms` is the answer's share of machine time.
    """

    kind: str
    task_id: str
    turn: int
    latency_ms: float
    busy_ms: float
    batch_rows: int
    n_prompt_tokens: int
    n_new_tokens: int


def latency_of(generation: Generation, *, kind: str, task_id: str, turn: int) -> Latency:
    """The time of a generation."""
    return Latency(
        kind=kind,
        task_id=task_id,
        turn=turn,
        latency_ms=generation.latency_ms,
        busy_ms=generation.busy_ms,
        batch_rows=generation.batch_rows,
        n_prompt_tokens=generation.n_prompt_tokens,
        n_new_tokens=generation.n_new_tokens,
    )


def evenly(n: int, at_most: int) -> list[int]:
    """At most so many of the indices below `n`, evenly spread."""
    return [number * n // at_most for number in range(at_most)] if n > at_most > 0 else list(range(min(n, at_most)))


def answer_alone(generator: Generator, prompts: Sequence[Sequence[int]]) -> list[Generation]:
    """Answer each prompt as a request of its own, one after the other."""
    return [generation for prompt in prompts for generation in generator.generate([prompt])]


def write_latencies(latencies: Sequence[Latency], folder: Path) -> None:
    """Write `latencies.parquet`, one row an answer."""
    table = pa.Table.from_pylist([msgspec.to_builtins(each) for each in latencies], schema=LATENCY_SCHEMA)
    pq.write_table(table, folder / LATENCIES_FILE, compression="zstd")


def read_latencies(folder: Path) -> list[Latency]:
    """Read the times of an evaluation; none where it was made before they were kept."""
    file = folder / LATENCIES_FILE
    return msgspec.convert(pq.read_table(file).to_pylist(), list[Latency]) if file.is_file() else []
