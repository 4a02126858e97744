"""The window's runs as columns in order of priority, for the selection.

Invariant: the order depends on the set of runs only: golden runs first, our own models' runs last, then older days,
earlier starts, smaller ids. A million runs are a few arrays; their hash sets stay on disk until they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.contamination import NO_MATCH, Contamination, first_of_group
from toolft_pipeline.curation.dedup.jaccard import Numbers, gather
from toolft_pipeline.curation.dedup.minhash import Signatures
from toolft_pipeline.curation.dedup.shingles import Hashes, Sets, offsets_of
from toolft_pipeline.curation.run_signatures import (
    CALL_BIT,
    SIGNATURES_SCHEMA,
    batches,
    read_sets,
    sets_of,
    signatures_of,
)
from toolft_pipeline.curation.split import key_number
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Origin

_KEPT = ["trajectory_id", "started_at", "golden", "origin", "plan", "signature", "digest", "conversation", "results"]
_READ = [*_KEPT, "task_key", "category", "tools"]
_SETS = ["shingles", "turns"]
"""Read for contamination, a batch at a time."""


class Kind(NamedTuple):
    """Category and set of tools of a run."""

    category: Category
    tools: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Window:
    """One entry a run in every column. `key` is the hash of the task key, `kind` an index of `kinds`, `task` the index
    of the task text that the run repeats or `NO_MATCH`. `own` are the runs of our own models, `logged` those of the
    incumbent, `plan` the hash of the sequence of called tools."""

    ids: pa.Array
    days: pa.Array
    key: NDArray[np.uint64]
    kind: Numbers
    kinds: tuple[Kind, ...]
    task: Numbers
    signatures: Signatures
    digests: Hashes
    conversations: Hashes
    results: Hashes
    own: NDArray[np.bool_]
    logged: NDArray[np.bool_]
    plan: Hashes
    files: tuple[Path, ...]
    file: Numbers
    row: Numbers

    def __len__(self) -> int:
        return len(self.key)

    def beginnings(self) -> Iterator[tuple[Numbers, Sets]]:
        """The runs' prefix hashes in batches, with the runs' numbers; the files are streamed."""
        in_files = np.lexsort((self.row, self.file))
        done = 0
        for path in self.files:
            for batch in batches(path, ["beginnings"]):
                yield in_files[done : done + len(batch)], sets_of(batch["beginnings"])
                done += len(batch)

    def sets(self, numbers: Numbers) -> Sets:
        """The shingles of some runs, from their days' files."""
        in_files = np.lexsort((self.row[numbers], self.file[numbers]))
        wanted = numbers[in_files]
        parts = [read_sets(path, self.row[wanted[self.file[wanted] == place]]) for place, path in enumerate(self.files)]
        read = Sets(
            values=np.concatenate([np.empty(0, np.uint64), *(sets.values for sets in parts)]),
            offsets=offsets_of(np.concatenate([np.empty(0, np.int64), *(sets.sizes for sets in parts)])),
        )
        values, sizes = gather(read, np.argsort(in_files))
        return Sets(values=values, offsets=offsets_of(sizes))


@dataclass(frozen=True, kw_only=True)
class _DayBatch:
    """One batch of one day's file; `first` is the number of its first row in the file."""

    batch: pa.RecordBatch
    day: str
    file: int
    first: int
    kind: Numbers
    key: NDArray[np.uint64]
    task: Numbers

    @property
    def priority(self) -> pa.Table:
        """The sort key of the order."""
        logged, days = pc.invert(self.batch["golden"]), pa.array([self.day] * len(self.batch), pa.string())
        own = pa.array(self.of(Origin.SERVED))
        return pa.table([logged, own, days, self.batch["started_at"], self.batch["trajectory_id"]], schema=_PRIORITY)

    def of(self, origin: Origin) -> NDArray[np.bool_]:
        """Mask of the runs of an origin."""
        mask: NDArray[np.bool_] = pc.equal(self.batch["origin"], origin.value).to_numpy(zero_copy_only=False)
        return mask.astype(np.bool_)


_PRIORITY = pa.schema(
    [
        ("logged", pa.bool_()),
        ("own", pa.bool_()),
        ("day", pa.string()),
        ("started_at", pa.string()),
        ("trajectory_id", pa.string()),
    ]
)


def read_window(files: Mapping[str, Path], *, contamination: Contamination, seed: int) -> Window:
    """Read the runs of a window from the days' signature files (day -> file)."""
    kinds: dict[Kind, int] = {}
    parts = list(_parts(files, kinds, contamination=contamination, seed=seed))
    table = pa.concat_tables(part.priority for part in parts)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in _PRIORITY.names]).to_numpy()
    order = order.astype(np.int64)
    ordered = table.select(["trajectory_id", "day"]).take(pa.array(order))

    def column(of: Callable[[_DayBatch], NDArray[Any]]) -> NDArray[Any]:
        values: NDArray[Any] = np.concatenate([of(part) for part in parts]).take(order, axis=0)
        return values

    return Window(
        ids=ordered["trajectory_id"].combine_chunks(),
        days=ordered["day"].combine_chunks(),
        key=column(lambda part: part.key),
        kind=column(lambda part: part.kind),
        kinds=tuple(kinds),
        task=column(lambda part: part.task),
        signatures=column(lambda part: signatures_of(part.batch["signature"])),
        digests=column(lambda part: part.batch["digest"].to_numpy()),
        conversations=column(lambda part: part.batch["conversation"].to_numpy()),
        results=column(lambda part: part.batch["results"].to_numpy()),
        own=column(lambda part: part.of(Origin.SERVED)),
        logged=column(lambda part: part.of(Origin.LOGGED)),
        plan=column(lambda part: part.batch["plan"].to_numpy()),
        files=tuple(files.values()),
        file=column(lambda part: np.full(len(part.batch), part.file)),
        row=column(lambda part: part.first + np.arange(len(part.batch))),
    )


def _parts(
    files: Mapping[str, Path], kinds: dict[Kind, int], *, contamination: Contamination, seed: int
) -> Iterator[_DayBatch]:
    """The batches of all files, after an empty one that gives every column its type."""

    def part(batch: pa.RecordBatch, day: str, file: int, first: int) -> _DayBatch:
        keys = (key_number(key, seed=seed) for key in batch["task_key"].to_pylist())
        return _DayBatch(
            batch=batch.select(_KEPT),
            day=day,
            file=file,
            first=first,
            kind=_kinds(batch, kinds),
            key=np.fromiter(keys, np.uint64, len(batch)),
            task=_tasks(batch, contamination),
        )

    yield part(pa.RecordBatch.from_pylist([], schema=SIGNATURES_SCHEMA), "", 0, 0)
    for file, (day, path) in enumerate(files.items()):
        first = 0
        for batch in batches(path, _READ + (_SETS if contamination.task_ids else [])):
            yield part(batch, day, file, first)
            first += len(batch)


def _kinds(batch: pa.RecordBatch, kinds: dict[Kind, int]) -> Numbers:
    """The number of each run's kind; a new kind gets the next number."""
    rows = zip(batch["category"].to_pylist(), map(tuple, batch["tools"].to_pylist()), strict=True)
    numbers = (kinds.setdefault(Kind(Category(category), tools), len(kinds)) for category, tools in rows)
    return np.fromiter(numbers, np.int64, len(batch))


def _tasks(batch: pa.RecordBatch, contamination: Contamination) -> Numbers:
    """The task text that each run repeats, as a whole or in a turn."""
    if not contamination.task_ids:
        return np.full(len(batch), NO_MATCH)
    whole = contamination.first_text(_user_shingles(sets_of(batch["shingles"])))
    turns = batch["turns"]
    of_turns = contamination.first_text(sets_of(turns.flatten()))
    counts = np.diff(turns.offsets.to_numpy()).astype(np.int64)
    return np.where(whole != NO_MATCH, whole, first_of_group(of_turns, counts))


def _user_shingles(sets: Sets) -> Sets:
    """The shingles of user turns, without those of calls."""
    kept = sets.values < CALL_BIT
    return Sets(values=sets.values[kept], offsets=offsets_of(kept.astype(np.int64))[sets.offsets])
