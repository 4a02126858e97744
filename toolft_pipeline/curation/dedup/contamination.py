"""Runs that ask what an evaluation task asks.

Invariant: no run whose user text equals a task's, or is a near-duplicate of it, is ever trained on, so that what the
evaluation measures was not seen. Conversations are held against each other whole and, where they have several turns,
turn by turn; a short turn ("Yes, please.") tells nothing and is left out.

No hashing of signatures here: tasks are few, so the rare words of each are looked up in every run, and no pair at the
threshold can be missed. Two sets of which one has n members share at least t * n of them at a Jaccard similarity of
t, so they share one of any n - t * n + 1 of these: the rarest are looked up (prefix filtering, Chaudhuri et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.dedup_text import distinctive_turns, whole_text
from toolft_pipeline.curation.dedup.jaccard import Numbers, jaccard
from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of, shingle_sets, sort_unique
from toolft_pipeline.errors import FixableError

NO_MATCH = -1


class TaskTextError(FixableError, ValueError):
    """The task file cannot be used; one line naming file, line and mend."""


class TaskText(Struct, frozen=True, kw_only=True):
    """What of an evaluation task a training run must not repeat."""

    task_id: str
    user_turns: tuple[str, ...]


class Contamination:
    """The evaluation tasks' texts, to hold runs against."""

    def __init__(self, tasks: Sequence[TaskText], *, threshold: float) -> None:
        texts = [(task.task_id, text) for task in tasks for text in _telling_texts(task.user_turns)]
        self.task_ids = [task_id for task_id, _ in texts]
        self._threshold = threshold
        self._sets = shingle_sets(text for _, text in texts)
        self._empty = _first(np.flatnonzero(self._sets.sizes == 0))
        self._looked_up, self._text = _rarest(self._sets, threshold=threshold)

    def first_text(self, texts: Sets) -> Numbers:
        """For each text the first task text that it repeats, by its number (see `task_ids`), or `NO_MATCH`."""
        found = np.where(texts.sizes == 0, self._empty, NO_MATCH)
        if not len(self._looked_up):
            return found
        one, other = self._proposed(texts)
        close = jaccard(concatenated(texts, self._sets), one, other + len(texts)) >= self._threshold
        at, first = np.unique(one[close], return_index=True)
        found[at] = other[close][first]
        return found

    def _proposed(self, texts: Sets) -> tuple[Numbers, Numbers]:
        """Pairs of a text and a task text that share a shingle that is looked up, sorted, each once."""
        start = np.searchsorted(self._looked_up, texts.values, side="left")
        hits = np.searchsorted(self._looked_up, texts.values, side="right") - start
        ends = offsets_of(hits)
        places = np.arange(ends[-1]) + np.repeat(start - ends[:-1], hits)
        text = np.repeat(np.repeat(np.arange(len(texts)), texts.sizes), hits)
        pairs = sort_unique((text << 32) | self._text[places])
        return pairs >> 32, pairs & 0xFFFFFFFF


def first_of_group(found: Numbers, groups: Sequence[int] | Numbers) -> Numbers:
    """Of texts that stand together, so many at a time, what the first found was, or `NO_MATCH`."""
    ends = offsets_of(np.asarray(groups, np.int64))
    places = np.flatnonzero(found != NO_MATCH)
    at = np.searchsorted(places, ends)
    some = at[:-1] < at[1:]
    first = np.full(len(ends) - 1, NO_MATCH)
    first[some] = found[places[at[:-1][some]]]
    return first


def concatenated(one: Sets, other: Sets) -> Sets:
    """The sets of one, then those of the other."""
    return Sets(
        values=np.concatenate([one.values, other.values]),
        offsets=np.concatenate([one.offsets, other.offsets[1:] + one.offsets[-1]]),
    )


def _rarest(sets: Sets, *, threshold: float) -> tuple[NDArray[np.uint64], Numbers]:
    """Of each task text the shingles that fewest task texts have, as many as are needed: sorted, with their texts."""
    values, times = np.unique(sets.values, return_counts=True)
    frequency = times[np.searchsorted(values, sets.values)]
    text = np.repeat(np.arange(len(sets)), sets.sizes)
    order = np.lexsort((sets.values, frequency, text))
    rank = np.arange(len(order)) - np.repeat(sets.offsets[:-1], sets.sizes)
    needed = np.array([size - ceil(threshold * size - 1e-9) + 1 for size in sets.sizes.tolist()], np.int64)
    kept = order[rank < np.repeat(needed, sets.sizes)]
    kept = kept[np.argsort(sets.values[kept], kind="stable")]
    return sets.values[kept], text[kept]


def _first(numbers: Numbers) -> int:
    return int(numbers[0]) if len(numbers) else NO_MATCH


def _telling_texts(turns: Sequence[str]) -> list[str]:
    """The whole of what a user said, then each turn that is long enough to be recognized."""
    return [whole_text(turns), *distinctive_turns(turns)]


def read_task_texts(path: Path) -> list[TaskText]:
    """Ids and user turns of a JSONL file of evaluation tasks. Raises `TaskTextError`."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        mend = "set evaluation.tasks in the agent file"
        raise TaskTextError(f"{path}: cannot be read ({error.strerror}); {mend}") from error
    tasks = []
    for number, line in enumerate(lines, start=1):
        try:
            tasks.append(msgspec.json.decode(line, type=TaskText))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TaskTextError(f"{path}:{number}: not a task ({error}); mend or remove the line") from error
    return tasks
