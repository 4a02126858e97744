"""signatures.parquet: what curation needs of a day's runs: MinHash signatures and hash sets, no text but the task key.

Invariant: a row depends on its run only. So a night computes the new day's rows and reads those of the other days,
whatever thresholds, evaluation tasks and catalog are now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.conversation_hashes import conversation_hashes
from toolft_pipeline.curation.dedup.dedup_text import (
    call_lines,
    distinctive_turns,
    results_digest,
    user_turns,
    whole_text,
)
from toolft_pipeline.curation.dedup.minhash import PERMUTATIONS, signatures
from toolft_pipeline.curation.dedup.shingles import Hashes, Sets, mix, normalized, offsets_of, shingle_sets
from toolft_pipeline.trajectories.accepted_table import AcceptedRun
from toolft_pipeline.trajectories.record import Trajectory

SIGNATURES_FILE = "signatures.parquet"

CALL_BIT = np.uint64(1 << 63)
"""Set in the shingles of calls, clear in those of user turns, so that the two never collide."""

SIGNATURES_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("started_at", pa.string(), nullable=False),
        pa.field("golden", pa.bool_(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("plan", pa.uint64(), nullable=False),
        pa.field("sequence", pa.list_(pa.string()), nullable=False),
        pa.field("task_key", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
        pa.field("signature", pa.binary(4 * PERMUTATIONS), nullable=False),
        pa.field("digest", pa.uint64(), nullable=False),
        pa.field("results", pa.uint64(), nullable=False),
        pa.field("shingles", pa.list_(pa.uint64()), nullable=False),
        pa.field("turns", pa.list_(pa.list_(pa.uint64())), nullable=False),
        pa.field("conversation", pa.uint64(), nullable=False),
        pa.field("beginnings", pa.list_(pa.uint64()), nullable=False),
    ]
)
"""`task_key` is normalized; without one in the log it is the normalized text of the user turns. `shingles` are sorted,
those of calls last; equal `digest` means equal shingles, equal `results` equal call results; `turns` are the shingles
of single turns that are long enough to be recognized. `conversation` is the hash of all messages, `beginnings` are the
hashes of its proper prefixes. `sequence` are the called tools in order, `plan` is their
hash, `NO_PLAN` for a run without calls."""

NO_PLAN = 0

_ROWS = 4096


def write_signatures(accepted: Iterable[AcceptedRun], path: Path, *, volatile: Collection[str] = ()) -> int:
    """Stream accepted runs into one parquet file of `SIGNATURES_SCHEMA`; returns the number of rows.

    `volatile` are keys of results whose values are ignored.
    """
    rows = 0
    stream = iter(accepted)
    with pq.ParquetWriter(path, SIGNATURES_SCHEMA, compression="zstd", use_dictionary=_REPEATED) as writer:
        while chunk := list(islice(stream, _ROWS)):
            writer.write_batch(_batch(chunk, volatile))
            rows += len(chunk)
    return rows


_REPEATED = ["origin", "task_key", "category", "tools.list.element", "sequence.list.element"]
"""Columns with repeated values, which a dictionary compresses; hashes do not repeat."""


def _batch(accepted: Sequence[AcceptedRun], volatile: Collection[str]) -> pa.RecordBatch:
    runs = [row.run for row in accepted]
    turns = [user_turns(run.messages) for run in runs]
    calls = [call_lines(run.messages) for run in runs]
    sets = run_sets(turns, ["\n".join(lines) for lines in calls])
    distinctive = [distinctive_turns(texts) for texts in turns]
    hashes = [conversation_hashes(run.messages, lines) or [0] for run, lines in zip(runs, calls, strict=True)]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([run.trajectory_id for run in runs], pa.string()),
            pa.array([run.started_at or "" for run in runs], pa.string()),
            pa.array([run.golden for run in runs], pa.bool_()),
            pa.array([run.origin.value for run in runs], pa.string()),
            pa.array([plan_of(run) for run in runs], pa.uint64()),
            pa.array([called_tools(run) for run in runs], pa.list_(pa.string())),
            pa.array(_task_keys(runs, turns), pa.string()),
            pa.array([row.category.value for row in accepted], pa.string()),
            pa.array([row.tools for row in accepted], pa.list_(pa.string())),
            _binary(signatures(sets)),
            pa.array(set_digests(sets), pa.uint64()),
            pa.array([results_digest(run.messages, volatile=volatile) for run in runs], pa.uint64()),
            _lists(sets),
            pa.ListArray.from_arrays(
                pa.array(offsets_of(np.array([len(each) for each in distinctive])), pa.int32()),
                _lists(shingle_sets(chain.from_iterable(distinctive))),
            ),
            pa.array([each[-1] for each in hashes], pa.uint64()),
            pa.array([each[:-1] for each in hashes], pa.list_(pa.uint64())),
        ],
        schema=SIGNATURES_SCHEMA,
    )


def _task_keys(runs: Sequence[Trajectory], turns: Sequence[Sequence[str]]) -> list[str]:
    return [normalized(run.task_key or whole_text(texts)) for run, texts in zip(runs, turns, strict=True)]


def plan_of(run: Trajectory) -> int:
    """The hash of the tools that a run calls, in order, as often as it calls them."""
    names = called_tools(run)
    return int.from_bytes(blake2b("\n".join(names).encode(), digest_size=8).digest()) if names else NO_PLAN


def called_tools(run: Trajectory) -> list[str]:
    """The tools that a run calls, in order, as often as it calls them."""
    return [call.name for message in run.messages for call in message.tool_calls]


def run_sets(turns: Sequence[Sequence[str]], calls: Sequence[str]) -> Sets:
    """The shingles of each run: those of its user turns, then those of its calls."""
    texts = (text for user_texts, called in zip(turns, calls, strict=True) for text in (whole_text(user_texts), called))
    both = shingle_sets(texts)
    of_calls = np.repeat(np.arange(len(both)) % 2 == 1, both.sizes)
    return Sets(values=both.values | np.where(of_calls, CALL_BIT, np.uint64(0)), offsets=both.offsets[::2])


def set_digests(sets: Sets) -> Hashes:
    """A 64-bit digest of each set."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(sets.values)])
    return mix(sums[sets.offsets[1:]] - sums[sets.offsets[:-1]])


def read_sets(path: Path, rows: NDArray[np.int64]) -> Sets:
    """The shingles of some rows of a file, by ascending row number; the file is streamed."""
    values, sizes = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    first = 0
    for batch in batches(path, ["shingles"]):
        wanted = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(batch))]
        sets = sets_of(batch["shingles"].take(pa.array(wanted - first)))
        values.append(sets.values)
        sizes.append(sets.sizes)
        first += len(batch)
    return Sets(values=np.concatenate(values), offsets=offsets_of(np.concatenate(sizes)))


def batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Stream some columns of a file in batches of `_ROWS` rows."""
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        yield from parquet.iter_batches(batch_size=_ROWS, columns=list(columns))


def sets_of(column: pa.ListArray) -> Sets:
    """A column of hashes as sets."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    return Sets(values=column.flatten().to_numpy(), offsets=offsets - offsets[0])


def signatures_of(column: pa.FixedSizeBinaryArray) -> NDArray[np.uint32]:
    """A column of signatures as a matrix with one row a run."""
    content = np.frombuffer(column.buffers()[1], np.uint32)
    return content.reshape(-1, PERMUTATIONS)[column.offset : column.offset + len(column)]


def _lists(sets: Sets) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(sets.offsets, pa.int32()), pa.array(sets.values, pa.uint64()))


def _binary(matrix: NDArray[np.uint32]) -> pa.FixedSizeBinaryArray:
    kind = pa.binary(4 * PERMUTATIONS)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(matrix), [None, pa.py_buffer(matrix)])
