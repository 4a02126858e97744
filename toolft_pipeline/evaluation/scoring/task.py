"""An evaluation task: the user's turns, the initial state, and the gold plan that was executed for it.

Invariant: the task holds everything that judging needs; the judge never looks at the backend's code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.scoring.calls import CanonicalCall, canonical_call
from toolft_pipeline.trajectories.category import Category


class PlannedCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of the gold plan. `after` lists the ids of calls that must come before it: a partial order.

    `reads` marks a call that changes nothing, `fails` one that the backend is expected to refuse: it never counts
    against a rollout, and may be left out if a later successful call of its user turn replaces it and takes nothing
    from its refusal.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    turn: int
    after: tuple[str, ...] = ()
    reads: bool = False
    fails: bool = False

    @property
    def as_call(self) -> CanonicalCall:
        """The call to compare with."""
        return canonical_call(self.name, self.arguments)


class Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task. `gold` is the executed conversation in OpenAI chat format, arguments as JSON text."""

    task_id: str
    task_key: str
    family: str
    category: Category
    state_ref: str
    system: str | None = None
    user_turns: tuple[str, ...]
    plan: tuple[PlannedCall, ...] = ()
    expected_state: str
    gold: tuple[dict[str, Any], ...]


class TaskFileError(FixableError, ValueError):
    """The task file cannot be used; the message names file, line and fix."""


def load_tasks(path: Path) -> list[Task]:
    """Read a JSONL file of tasks in file order. Raises `TaskFileError`."""
    if not path.is_file():
        raise TaskFileError(f"{path}: no such file; set evaluation.tasks in the agent file")
    tasks = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            tasks.append(msgspec.json.decode(line, type=Task))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TaskFileError(f"{path}:{number}: not a task ({error}); fix or remove the line") from error
    return tasks
