"""Find runs that repeat the request of an evaluation task (contamination).

Invariant: no run whose user text equals a task's, or is a near-duplicate of it, is trained on. Conversations are
compared as a whole and, if they have several turns, turn by turn; a short turn ("Yes, please.") says nothing and is
skipped.

This is exact, without MinHash: tasks are few, so the rarest shingles of each are looked up in every run. If one of two
sets has n members, they share at least t * n of them at a Jaccard similarity of t, hence one of any n - t * n + 1 of
these; the rarest ones are looked up (prefix filtering, Chaudhuri et al. 2006).
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
    """The task file cannot be used; one line that names file, line and fix."""


class TaskText(Struct, frozen=True, kw_only=True):
    """The user turns of an evaluation task."""

    task_id: str
    user_turns: tuple[str, ...]


class Contamination:
    """An index of the evaluation tasks' texts."""

    def __init__(self, tasks: Sequence[TaskText], *, threshold: float) -> None:
        texts = [(task.task_id, text) for task in tasks for text in _texts_to_compare(task.user_turns)]
        self.task_ids = [task_id for task_id, _ in texts]
        self._threshold = threshold
        self._sets = shingle_sets(text for _, text in texts)
        self._empty = _first(np.flatnonzero(self._sets.sizes == 0))
        self._looked_up, self._text = _rarest(self._sets, threshold=threshold)

    def first_text(self, texts: Sets) -> Numbers:
        """For each text the index (see `task_ids`) of the first task text that it repeats, or `NO_MATCH`."""
        matches = np.where(texts.sizes == 0, self._empty, NO_MATCH)
        if not len(self._looked_up):
            return matches
        one, other = self._candidates(texts)
        close = jaccard(concatenated(texts, self._sets), one, other + len(texts)) >= self._threshold
        at, first = np.unique(one[close], return_index=True)
        matches[at] = other[close][first]
        return matches

    def _candidates(self, texts: Sets) -> tuple[Numbers, Numbers]:
        """Sorted unique pairs of a text and a task text that share a looked-up shingle."""
        start = np.searchsorted(self._looked_up, texts.values, side="left")
        hits = np.searchsorted(self._looked_up, texts.values, side="right") - start
        ends = offsets_of(hits)
        places = np.arange(ends[-1]) + np.repeat(start - ends[:-1], hits)
        text = np.repeat(np.repeat(np.arange(len(texts)), texts.sizes), hits)
        pairs = sort_unique((text << 32) | self._text[places])
        return pairs >> 32, pairs & 0xFFFFFFFF


def first_of_group(matches: Numbers, groups: Sequence[int] | Numbers) -> Numbers:
    """The first match of each group of consecutive texts, or `NO_MATCH`; `groups` are the group sizes."""
    ends = offsets_of(np.asarray(groups, np.int64))
    places = np.flatnonzero(matches != NO_MATCH)
    at = np.searchsorted(places, ends)
    some = at[:-1] < at[1:]
    first = np.full(len(ends) - 1, NO_MATCH)
    first[some] = matches[places[at[:-1][some]]]
    return first


def concatenated(one: Sets, other: Sets) -> Sets:
    """The sets of both, in order."""
    return Sets(
        values=np.concatenate([one.values, other.values]),
        offsets=np.concatenate([one.offsets, other.offsets[1:] + one.offsets[-1]]),
    )


def _rarest(sets: Sets, *, threshold: float) -> tuple[NDArray[np.uint64], Numbers]:
    """The rarest shingles of each task text, as many as prefix filtering needs: sorted, with their texts."""
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


def _texts_to_compare(turns: Sequence[str]) -> list[str]:
    """All user turns as one text, then each turn that is long enough."""
    return [whole_text(turns), *distinctive_turns(turns)]


def read_task_texts(path: Path) -> list[TaskText]:
    """Ids and user turns of a JSONL file of evaluation tasks. Raises `TaskTextError`."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        fix = "set evaluation.tasks in the agent file"
        raise TaskTextError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    tasks = []
    for number, line in enumerate(lines, start=1):
        try:
            tasks.append(msgspec.json.decode(line, type=TaskText))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TaskTextError(f"{path}:{number}: not a task ({error}); fix or remove the line") from error
    return tasks
