"""Runs that ask what an evaluation task asks.

Invariant: no run whose user text equals a task's, or is a near-duplicate of it, is ever trained on, so that what the
evaluation measures was not seen. Conversations are held against each other whole and, where they have several turns,
turn by turn; a short turn ("Yes, please.") tells nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.curation.near_duplicates import NearDuplicates
from toolft_pipeline.curation.shingles import normalized, shingles

_TELLING_WORDS = 8


class TaskTextError(ValueError):
    """The task file cannot be used; one line naming file, line and mend."""


class TaskText(Struct, frozen=True, kw_only=True):
    """What of an evaluation task a training run must not repeat."""

    task_id: str
    user_turns: tuple[str, ...]


class Contamination:
    """The evaluation tasks' texts, to hold runs against."""

    def __init__(self, tasks: Sequence[TaskText], *, threshold: float) -> None:
        self._index = NearDuplicates(threshold=threshold)
        self._task_ids: list[str] = []
        for task in tasks:
            for text in _telling_texts(task.user_turns):
                self._index.add(shingles(text))
                self._task_ids.append(task.task_id)

    def task_of(self, turns: Sequence[str]) -> str | None:
        """Id of the first task that asks what these user turns ask, or None."""
        found = [self._index.find(shingles(text)) for text in _telling_texts(turns)]
        return next((self._task_ids[number] for number in found if number is not None), None)


def _telling_texts(turns: Sequence[str]) -> list[str]:
    """The whole of what a user said, then each turn that is long enough to be recognized."""
    whole = "\n".join(turns)
    return [whole, *(turn for turn in turns if turn != whole and len(normalized(turn).split()) >= _TELLING_WORDS)]


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
