"""The window's runs as columns, in the order of survival: what a selection is decided on.

Invariant: the order follows from the runs as a set: golden runs first, then older days, earlier starts, lesser ids. A
million runs are a few arrays here; their texts stay on disk, and so do their sets until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from toolft_pipeline.curation.contamination import NOTHING, Contamination, first_of_group
from toolft_pipeline.curation.jaccard import Numbers, gathered
from toolft_pipeline.curation.minhash import PERMUTATIONS, Signatures
from toolft_pipeline.curation.run_signatures import CALL_BIT, batches, read_sets, sets_of, signatures_of
from toolft_pipeline.curation.shingles import Hashes, Sets, offsets_of
from toolft_pipeline.curation.sides import key_number
from toolft_pipeline.trajectories.category import Category

_COLUMNS = ["trajectory_id", "started_at", "golden", "task_key", "category", "tools", "signature", "digest"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a run shows: its category and its set of tools."""

    category: Category
    tools: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Window:
    """One entry a run in every column. `key` is the task key's number, `kind` a place in `kinds`, `task` the number
    of the task text that the run repeats or `NOTHING`."""

    ids: pa.Array
    days: pa.Array
    key: NDArray[np.uint64]
    kind: Numbers
    kinds: tuple[Kind, ...]
    task: Numbers
    signatures: Signatures
    digests: Hashes
    files: tuple[Path, ...]
    file: Numbers
    row: Numbers

    def __len__(self) -> int:
        return len(self.key)

    def sets(self, numbers: Numbers) -> Sets:
        """The shingles of some runs, read from their days' files."""
        in_files = np.lexsort((self.row[numbers], self.file[numbers]))
        wanted = numbers[in_files]
        found = [read_sets(path, self.row[wanted[self.file[wanted] == place]]) for place, path in enumerate(self.files)]
        read = Sets(
            values=np.concatenate([np.empty(0, np.uint64), *(sets.values for sets in found)]),
            offsets=offsets_of(np.concatenate([np.empty(0, np.int64), *(sets.sizes for sets in found)])),
        )
        values, sizes = gathered(read, np.argsort(in_files))
        return Sets(values=values, offsets=offsets_of(sizes))


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One batch of one day."""

    table: pa.Table
    key: NDArray[np.uint64]
    kind: Numbers
    task: Numbers
    signatures: Signatures
    digests: Hashes


def read_window(files: Mapping[str, Path], *, contamination: Contamination, seed: int) -> Window:
    """The runs of a window from the days' signature files (day -> file)."""
    kinds: dict[Kind, int] = {}
    parts: list[_Part] = []
    file, row = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for place, (day, path) in enumerate(files.items()):
        seen = 0
        for part in _parts(path, day, kinds, contamination=contamination, seed=seed):
            parts.append(part)
            file.append(np.full(len(part.key), place))
            row.append(np.arange(seen, seen + len(part.key)))
            seen += len(part.key)
    table = pa.concat_tables([_SURVIVAL.empty_table(), *(part.table for part in parts)]).combine_chunks()
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in _SURVIVAL.names]).to_numpy()
    order = order.astype(np.int64)
    ordered = table.select(["trajectory_id", "day"]).take(pa.array(order)).combine_chunks()
    return Window(
        ids=ordered["trajectory_id"].combine_chunks(),
        days=ordered["day"].combine_chunks(),
        key=np.concatenate([np.empty(0, np.uint64), *(part.key for part in parts)])[order],
        kind=np.concatenate([np.empty(0, np.int64), *(part.kind for part in parts)])[order],
        kinds=tuple(kinds),
        task=np.concatenate([np.empty(0, np.int64), *(part.task for part in parts)])[order],
        signatures=np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *(part.signatures for part in parts)])[
            order
        ],
        digests=np.concatenate([np.empty(0, np.uint64), *(part.digests for part in parts)])[order],
        files=tuple(files.values()),
        file=np.concatenate(file)[order],
        row=np.concatenate(row)[order],
    )


_SURVIVAL = pa.schema(
    [("logged", pa.bool_()), ("day", pa.string()), ("started_at", pa.string()), ("trajectory_id", pa.string())]
)


def _parts(path: Path, day: str, kinds: dict[Kind, int], *, contamination: Contamination, seed: int) -> Iterator[_Part]:
    columns = _COLUMNS if not contamination.task_ids else [*_COLUMNS, "shingles", "turns"]
    for batch in batches(path, columns):
        logged = pc.invert(batch["golden"])
        days = pa.array([day] * len(batch), pa.string())
        yield _Part(
            table=pa.table([logged, days, batch["started_at"], batch["trajectory_id"]], schema=_SURVIVAL),
            key=np.array([key_number(key, seed=seed) for key in batch["task_key"].to_pylist()], np.uint64),
            kind=_kinds(batch, kinds),
            task=_tasks(batch, contamination),
            signatures=signatures_of(batch["signature"]),
            digests=batch["digest"].to_numpy(),
        )


def _kinds(batch: pa.RecordBatch, kinds: dict[Kind, int]) -> Numbers:
    """The number of each run's kind; a new kind gets the next."""
    rows = zip(batch["category"].to_pylist(), batch["tools"].to_pylist(), strict=True)
    found = (Kind(category=Category(category), tools=tuple(tools)) for category, tools in rows)
    return np.array([kinds.setdefault(kind, len(kinds)) for kind in found], np.int64)


def _tasks(batch: pa.RecordBatch, contamination: Contamination) -> Numbers:
    """The task text that each run repeats: first as a whole, then in a turn."""
    if not contamination.task_ids:
        return np.full(len(batch), NOTHING)
    whole = contamination.first_text(_wordings(sets_of(batch["shingles"])))
    turns = batch["turns"]
    of_turns = contamination.first_text(sets_of(turns.flatten()))
    counts = np.diff(turns.offsets.to_numpy()).astype(np.int64)
    return np.where(whole != NOTHING, whole, first_of_group(of_turns, counts))


def _wordings(sets: Sets) -> Sets:
    """The shingles of what the user said, without those of the calls."""
    kept = sets.values < CALL_BIT
    return Sets(values=sets.values[kept], offsets=offsets_of(kept.astype(np.int64))[sets.offsets])
