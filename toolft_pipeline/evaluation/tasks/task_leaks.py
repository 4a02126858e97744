"""Whether training runs have what evaluation tasks hold out, and which training run is nearest to each task.

Invariant: a split key is looked for in every selected run, exactly, by the meaning that its level gives it (`Level`).
The distance only shows how far the tasks are from training; it decides nothing.

The distance of a run from a task is 1 - (user + tools) / 2. `user` is the Jaccard similarity of the three-word
shingles of the user turns, `tools` that of the pairs of consecutive tools, where a run's beginning and end count as
tools. So 0 is the same wording and the same tools in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.dedup_text import whole_text
from toolft_pipeline.curation.dedup.shingles import Sets, normalized, offsets_of, shingle_sets
from toolft_pipeline.curation.run_signatures import CALL_BIT, sets_of
from toolft_pipeline.curation.split import Split
from toolft_pipeline.evaluation.judge.level import Level, contains, sequence_of

LEAKS_FILE = "task_leaks.json"

_BEGIN, _END = "\x02", "\x03"


class SplitTask(Struct, frozen=True, kw_only=True):
    """What the check reads of a task."""

    task_id: str
    user_turns: tuple[str, ...] = ()
    plan: tuple[dict[str, Any], ...] = ()
    level: Level | None = None
    split_key: str | None = None

    @property
    def sequence(self) -> tuple[str, ...]:
        """The tools of the plan, in its order."""
        return tuple(str(call.get("name")) for call in self.plan)


class NearestRun(Struct, frozen=True, kw_only=True):
    """The training run nearest to a task; the first of equally near ones, by day and then as verified."""

    task_id: str
    level: Level | None
    trajectory_id: str
    day: str
    distance: float
    user: float
    tools: float


class TaskLeak(Struct, frozen=True, kw_only=True):
    """A split key that training runs have: the first of them, and how many there are."""

    task_id: str
    level: Level
    split_key: str
    trajectory_id: str
    day: str
    runs: int


class TaskLeaks(Struct, frozen=True, kw_only=True):
    """The result of the check. `untrained` are tools of tasks below level `new_tool` that no training run calls."""

    tasks: int
    keys: int
    runs: int
    leaks: tuple[TaskLeak, ...]
    nearest: tuple[NearestRun, ...]
    untrained: tuple[str, ...]


class _Runs(Struct, frozen=True, kw_only=True):
    """The selected runs, in columns."""

    ids: list[str]
    days: list[str]
    keys: list[str]
    sequences: list[tuple[str, ...]]
    shingles: Sets


def read_split_tasks(path: Path) -> list[SplitTask]:
    """The tasks of a file that the selection has read already. A line that is no task raises `msgspec.DecodeError`."""
    return [msgspec.json.decode(line, type=SplitTask) for line in path.read_bytes().splitlines()]


def find_task_leaks(tasks: Sequence[SplitTask], *, days: Mapping[str, Path], selection: Path) -> TaskLeaks:
    """Check all tasks against the selected runs; `days` has the signature file of each day."""
    runs = _selected(days, selection)
    called = {tool for sequence in set(runs.sequences) for tool in sequence}
    wanted = {tool for task in tasks if task.level not in (None, Level.NEW_TOOL) for tool in task.sequence}
    return TaskLeaks(
        tasks=len(tasks),
        keys=sum(task.split_key is not None for task in tasks),
        runs=len(runs.ids),
        leaks=tuple(_leaks(tasks, runs)),
        nearest=tuple(_nearest(tasks, runs)) if runs.ids else (),
        untrained=tuple(sorted(wanted - called)),
    )


def write_task_leaks(found: TaskLeaks, folder: Path) -> None:
    """Write `task_leaks.json`."""
    (folder / LEAKS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def read_task_leaks(folder: Path) -> TaskLeaks:
    """Read `task_leaks.json`."""
    return msgspec.json.decode((folder / LEAKS_FILE).read_bytes(), type=TaskLeaks)


def _selected(days: Mapping[str, Path], selection: Path) -> _Runs:
    table = pq.read_table(selection, columns=["trajectory_id", "day", "side"]).to_pydict()
    rows = zip(table["day"], table["trajectory_id"], table["side"], strict=True)
    chosen = {(day, name) for day, name, side in rows if side != Split.OUT}
    runs = _Runs(ids=[], days=[], keys=[], sequences=[], shingles=Sets(values=_NONE, offsets=np.zeros(1, np.int64)))
    values, sizes = [_NONE], [np.empty(0, np.int64)]
    for day, path in sorted(days.items()):
        signed = pq.read_table(path, columns=["trajectory_id", "task_key", "sequence", "shingles"]).combine_chunks()
        names = signed["trajectory_id"].to_pylist()
        kept = [place for place, name in enumerate(names) if (day, name) in chosen]
        part = signed.take(pa.array(kept, pa.int64()))
        runs.ids.extend(part["trajectory_id"].to_pylist())
        runs.days.extend([day] * len(kept))
        runs.keys.extend(part["task_key"].to_pylist())
        runs.sequences.extend(map(tuple, part["sequence"].to_pylist()))
        for chunk in part["shingles"].chunks:
            sets = sets_of(chunk)
            said = sets.values < CALL_BIT
            counts = np.diff(offsets_of(said.astype(np.int64))[sets.offsets])
            values.append(sets.values[said])
            sizes.append(counts)
    shingles = Sets(values=np.concatenate(values), offsets=offsets_of(np.concatenate(sizes)))
    return msgspec.structs.replace(runs, shingles=shingles)


_NONE: NDArray[np.uint64] = np.empty(0, np.uint64)


def _leaks(tasks: Sequence[SplitTask], runs: _Runs) -> Iterator[TaskLeak]:
    """Each declared key that some run has, once for each task that declares it."""
    declared = {(task.level, task.split_key) for task in tasks}
    found = {
        (level, key): _runs_with(level, key, runs)
        for level, key in declared
        if level is not None and key is not None
    }  # fmt: skip
    for task in tasks:
        if task.level is not None and task.split_key is not None and (at := found[task.level, task.split_key]):
            yield TaskLeak(
                task_id=task.task_id,
                level=task.level,
                split_key=task.split_key,
                trajectory_id=runs.ids[at[0]],
                day=runs.days[at[0]],
                runs=len(at),
            )


def _runs_with(level: Level, key: str, runs: _Runs) -> list[int]:
    """The runs that have what a key declares."""
    if level is Level.NEW_TOOL:
        return [at for at, sequence in enumerate(runs.sequences) if key in sequence]
    if level is Level.NEW_COMPOSITION:
        wanted = sequence_of(key)
        return [at for at, sequence in enumerate(runs.sequences) if contains(sequence, wanted)]
    text = normalized(key)
    if level is Level.NEW_FAMILY:
        return [at for at, known in enumerate(runs.keys) if known == text or known.startswith(text + " ")]
    (said,) = [shingle_sets([key])[0]]
    equal = (at for at in np.flatnonzero(runs.shingles.sizes == len(said)).tolist() if len(said))
    same_text = {at for at in equal if np.array_equal(runs.shingles[at], said)}
    return sorted({at for at, known in enumerate(runs.keys) if known == text} | same_text)


def _nearest(tasks: Sequence[SplitTask], runs: _Runs) -> Iterator[NearestRun]:
    numbers: dict[tuple[str, str], int] = {}
    said = _Similarity(runs.shingles)
    called = _Similarity(_pairs(runs.sequences, numbers))
    users = shingle_sets(whole_text(task.user_turns) for task in tasks)
    plans = _pairs([task.sequence for task in tasks], numbers)
    for place, task in enumerate(tasks):
        user, tools = said.to_all(users[place]), called.to_all(plans[place])
        at = int(np.argmax(user + tools))
        yield NearestRun(
            task_id=task.task_id,
            level=task.level,
            trajectory_id=runs.ids[at],
            day=runs.days[at],
            distance=round(1 - float(user[at] + tools[at]) / 2, 4),
            user=round(float(user[at]), 4),
            tools=round(float(tools[at]), 4),
        )


def _pairs(sequences: Sequence[Sequence[str]], numbers: dict[tuple[str, str], int]) -> Sets:
    """The pairs of consecutive tools of each sequence, as numbers that all calls with one `numbers` share."""
    known: dict[tuple[str, ...], list[int]] = {}
    sets = []
    for sequence in map(tuple, sequences):
        if sequence not in known:
            pairs = pairwise((_BEGIN, *sequence, _END))
            known[sequence] = sorted({numbers.setdefault(pair, len(numbers)) for pair in pairs})
        sets.append(known[sequence])
    values = np.fromiter((number for each in sets for number in each), np.uint64)
    return Sets(values=values, offsets=offsets_of(np.array([len(each) for each in sets], np.int64)))


class _Similarity:
    """The Jaccard similarity of one set to each of many, by an index of their members."""

    def __init__(self, sets: Sets) -> None:
        order = np.argsort(sets.values, kind="stable")
        self._values = sets.values[order]
        self._owners = np.repeat(np.arange(len(sets)), sets.sizes)[order]
        self._sizes = sets.sizes

    def to_all(self, wanted: NDArray[np.uint64]) -> NDArray[np.float64]:
        """One similarity for each set; two empty sets are alike in nothing."""
        starts = np.searchsorted(self._values, wanted, side="left").tolist()
        ends = np.searchsorted(self._values, wanted, side="right").tolist()
        owners = [self._owners[start:end] for start, end in zip(starts, ends, strict=True)]
        shared = np.bincount(np.concatenate([np.empty(0, np.int64), *owners]), minlength=len(self._sizes))
        union = self._sizes + len(wanted) - shared
        similarity: NDArray[np.float64] = shared / np.maximum(union, 1)
        return similarity
