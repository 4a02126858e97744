"""An evaluation task: what the user says, the state it starts in, and the oracle plan that was executed for it.

Invariant: everything that judging needs stands in the task; no judge looks at the backend's code.
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
    """One call of the oracle plan. `after` lists ids of calls that must come before it: a partial order.

    `reads` says that the call changes nothing. A call that is expected to fail carries `fails`: it never counts
    against a rollout, and may be left out where a later success of its user turn stands in for it and takes nothing
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
    """The task file cannot be used; one line naming file, line and mend."""


def load_tasks(path: Path) -> list[Task]:
    """Read a JSONL file of tasks, in file order. Raises `TaskFileError`."""
    if not path.is_file():
        raise TaskFileError(f"{path}: no such file; set evaluation.tasks in the agent file")
    tasks = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            tasks.append(msgspec.json.decode(line, type=Task))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TaskFileError(f"{path}:{number}: not a task ({error}); mend or remove the line") from error
    return tasks
