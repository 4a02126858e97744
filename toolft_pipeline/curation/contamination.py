"""Runs that ask what an evaluation task asks.

Invariant: no run whose user text equals a task's, or is a near-duplicate of it, is ever trained on, so that what the
evaluation measures was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.curation.near_duplicates import NearDuplicates
from toolft_pipeline.curation.shingles import shingles


class TaskTextError(ValueError):
    """The task file cannot be used; one line naming file, line and mend."""


class TaskText(Struct, frozen=True, kw_only=True):
    """What of an evaluation task a training run must not repeat."""

    task_id: str
    user_turns: tuple[str, ...]


class Contamination:
    """The evaluation tasks' texts, to hold runs against."""

    def __init__(self, tasks: Sequence[TaskText], *, threshold: float) -> None:
        self._tasks = tasks
        self._index = NearDuplicates(threshold=threshold)
        for task in tasks:
            self._index.add(shingles("\n".join(task.user_turns)))

    def task_of(self, text: str) -> str | None:
        """Id of the first task that asks what this text asks, or None."""
        found = self._index.find(shingles(text))
        return None if found is None else self._tasks[found].task_id


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
