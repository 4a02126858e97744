"""An evaluation task: the user's turns, the initial state, and the gold plan that was executed for it.

Invariant: the task holds everything that judging needs; the judge never looks at the backend's code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.calls import CanonicalCall, canonical_call
from toolft_pipeline.evaluation.judge.level import Level, split_key_problem
from toolft_pipeline.sandbox.state import StateTextError, canonical_state, state_digest
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Role
from toolft_pipeline.verification.answers.expectation import ExpectedAnswer


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
    """One task. `gold` is the executed conversation in OpenAI chat format, arguments as JSON text.

    `split_key` is what no training run may have, by `level` (see `Level`).
    """

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
    answers: tuple[ExpectedAnswer, ...] = ()
    """What the answers must convey; empty: derived from `gold`."""
    level: Level | None = None
    split_key: str | None = None

    @property
    def is_headline(self) -> bool:
        """Whether the task counts for the model's figures and the gate; one of an untrained tool has its own row."""
        return self.level is not Level.NEW_TOOL

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that the plan calls, sorted, each once."""
        return tuple(sorted({call.name for call in self.plan}))

    def ends_in_a_call(self, user_turn: int) -> bool:
        """Whether the gold run of a user turn ends in a tool result and has no answer: agents whose runs are kept by
        `verification.allow_dangling_call` or `allow_user_turn_after_result` end so.
        """
        turn, last = -1, None
        for message in self.gold:
            turn += message["role"] == Role.USER
            last = message["role"] if turn == user_turn else last
        return last == Role.TOOL


class TaskFileError(FixableError, ValueError):
    """The task file cannot be used; the message names file, line and fix."""


_SHOWN_PROBLEMS = 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def load_tasks(path: Path, *, volatile: Collection[str] = ()) -> list[Task]:
    """Read a JSONL file of tasks in file order.

    `expected_state` may be the state itself, an object, which becomes its digest with the values of the `volatile` keys
    masked. Raises `TaskFileError` with all problems of the file, the first ten of them shown.
    """
    if not path.is_file():
        raise TaskFileError(f"{path}: no such file; set evaluation.tasks in the agent file")
    tasks: list[tuple[int, Task]] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            task = _task(line, volatile)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, StateTextError) as error:
            problems.append((number, _field_first(str(error))))
            continue
        problems += [(number, problem) for problem in _contradictions(task)]
        tasks.append((number, task))
    problems += _duplicates(tasks)
    if problems:
        lines = [f"{path}:{number}: {problem}" for number, problem in sorted(problems)[:_SHOWN_PROBLEMS]]
        more = len(problems) - len(lines)
        raise TaskFileError("\n".join([*lines, *([f"and {more} more problems in this file"] if more else [])]))
    return [task for _, task in tasks]


def _task(line: bytes, volatile: Collection[str]) -> Task:
    fields = msgspec.json.decode(line)
    if isinstance(fields, dict) and isinstance(fields.get("expected_state"), dict | list):
        state = canonical_state(json.dumps(fields["expected_state"]), volatile=volatile)
        fields["expected_state"] = state_digest(state)
    return msgspec.convert(fields, Task)


def _field_first(message: str) -> str:
    """A problem of a line with the field before it: msgspec has it at the end."""
    problem, at, place = message.partition(" - at `$.")
    field = f"{place.rstrip('`')}: " if at else ""
    return f"{field}{problem}; fix or remove the line (docs/tasks.md has every field)"


def _contradictions(task: Task) -> Iterator[str]:
    """What no single field shows."""
    if not task.user_turns:
        yield "user_turns: is empty; give what the user says, one text a turn"
    if task.expected_state and not _DIGEST.fullmatch(task.expected_state):
        yield (
            f"expected_state: {task.expected_state[:40]!r} is no digest; give sha256: and 64 hex digits, or the state "
            "itself as an object"
        )
    if (
        problem := split_key_problem(task.level, task.split_key, planned=[call.name for call in task.plan])
    ) is not None:
        yield f"split_key: {problem}"
    ids = Counter(call.id for call in task.plan)
    for id_, times in ids.items():
        if times > 1:
            yield f"plan: {times} calls have the id {id_!r}; give each its own"
    for number, call in enumerate(task.plan):
        for before in call.after:
            if before not in ids:
                yield f"plan[{number}].after: no call of the plan has the id {before!r}; name one that does"
        if not 0 <= call.turn < max(1, len(task.user_turns)):
            yield f"plan[{number}].turn: {call.turn} is no user turn; they count from 0 to {len(task.user_turns) - 1}"
    for number, message in enumerate(task.gold):
        if message.get("role") not in set(Role):
            yield f"gold[{number}].role: is {message.get('role')!r}; give one of {', '.join(Role)}"
    if not any(message.get("role") == Role.ASSISTANT for message in task.gold):
        yield "gold: has no assistant message; give the whole conversation, as OpenAI messages"


def _duplicates(tasks: Sequence[tuple[int, Task]]) -> Iterator[tuple[int, str]]:
    """Tasks with an id or a request that an earlier line has: they would count twice."""
    ids: dict[str, int] = {}
    requests: dict[tuple[object, ...], tuple[int, str]] = {}
    for number, task in tasks:
        if (first := ids.setdefault(task.task_id, number)) != number:
            yield number, f"task_id: {task.task_id!r} is also on line {first}; give each task its own"
        line, name = requests.setdefault((task.state_ref, task.system, task.user_turns), (number, task.task_id))
        if line != number:
            yield number, f"user_turns: the same request in the same state as task {name!r} on line {line}; remove one"
