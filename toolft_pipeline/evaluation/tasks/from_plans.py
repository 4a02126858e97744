"""Evaluation tasks made from plans: states, what the user says, the calls that the work takes, and the answers.

Invariant: what a task expects was seen, not written: the plan is executed on the backend, and results, final state and
which calls only read come from there. A plan that the backend does not carry out as written, or that
ends in another state when it is executed after others, makes no task.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.judge.level import Level, split_key_problem
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.promotion.shadow import run_as_task
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox, ToolResult
from toolft_pipeline.sandbox.state import canonical_state, state_digest
from toolft_pipeline.sandbox.state_watch import StateWatch
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.accepted_table import AcceptedRun
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import (
    Message,
    Outcome,
    OutcomeStatus,
    Role,
    Source,
    ToolCall,
    Trajectory,
    text_message,
)
from toolft_pipeline.verification.answers.expectation import ExpectedAnswer

SHOWN_CHARACTERS = 200
_SHOWN_PROBLEMS = 10


class PlanCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call of a plan. `fails`: the backend refuses it, and the answer explains that."""

    name: str
    arguments: dict[str, Any] = {}
    fails: bool = False


class PlanTurn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user says, the calls in order (a list of calls is made in parallel), and the answer.

    Without an answer the turn ends in the results of its calls, as agents that speak no word after them do.
    """

    user: str
    calls: tuple[PlanCall | tuple[PlanCall, ...], ...] = ()
    answer: str | None = None

    @property
    def steps(self) -> list[tuple[PlanCall, ...]]:
        """The calls of each assistant message."""
        return [step if isinstance(step, tuple) else (step,) for step in self.calls]


class TaskPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a file of plans. `expected_state`, if a benchmark has it, is compared with the state that the plan
    ends in.
    """

    task_id: str
    family: str
    state_ref: str
    turns: tuple[PlanTurn, ...]
    task_key: str | None = None
    system: str | None = None
    level: Level | None = None
    split_key: str | None = None
    expected_state: dict[str, Any] | list[Any] | None = None
    answers: tuple[ExpectedAnswer, ...] = ()


class TaskPlanFileError(FixableError, ValueError):
    """A file of plans cannot be used, or the backend does not carry them out; the message has every problem."""


def read_plans(path: Path) -> list[TaskPlan]:
    """Read a JSONL file of plans. Raises `TaskPlanFileError` with the problems of all lines."""
    plans, problems = [], []
    if not path.is_file():
        raise TaskPlanFileError(f"{path}: no such file")
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            plan = msgspec.json.decode(line, type=TaskPlan)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(f"{path}:{number}: {error}; docs/tasks.md has every field")
            continue
        planned = [call.name for turn in plan.turns for step in turn.steps for call in step]
        problem = split_key_problem(plan.level, plan.split_key, planned=planned)
        if not plan.turns or not all(turn.calls or turn.answer for turn in plan.turns):
            problem = "a turn needs calls or an answer, and a task at least one turn"
        problems += [f"{path}:{number}: {problem}"] if problem is not None else []
        plans.append(plan)
    _raise(problems)
    return plans


def tasks_from_plans(
    plans: Sequence[TaskPlan],
    *,
    sandbox: SandboxSettings,
    cwd: Path,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Task]:
    """Execute all plans, each from its state. Raises `TaskPlanFileError` with every plan that cannot be executed as
    written, `SandboxError` if the backend does not start.
    """
    made = list(
        map_on_sandboxes(
            plans,
            lambda backend, plan: _executed(backend, plan, volatile=sandbox.volatile),
            settings=sandbox,
            cwd=cwd,
            failed=lambda plan, error: f"{plan.task_id}: the backend fails: {error}",
        )
    )
    _raise([each for each in made if isinstance(each, str)])
    progress(f"{len(made)} plans executed; once more in reverse order")
    found = [each for each in made if not isinstance(each, str)]
    states = map_on_sandboxes(list(reversed(plans)), _final_state, settings=sandbox, cwd=cwd)
    pairs = zip(found, list(states)[::-1], strict=True)
    _raise([problem for (task, state), again in pairs if (problem := _drift(task, state, again))])
    return [task for task, _ in found]


def _final_state(backend: Sandbox, plan: TaskPlan) -> str:
    """The state after the plan's calls."""
    backend.reset(plan.state_ref)
    for turn in plan.turns:
        for step in turn.steps:
            for call in step:
                backend.call(call.name, call.arguments)
    return backend.snapshot()


def _drift(task: Task, state: str, again: str) -> str | None:
    """What is wrong where a plan ends in another state after other plans were executed."""
    if state == again:
        return None
    path = _first_difference(json.loads(state), json.loads(again))
    return (
        f"{task.task_id}: executed again after other plans, it ends in another state: {path} differs; make the reset "
        "rebuild the same state whatever came before, or name that key in sandbox.volatile"
    )


def _raise(problems: Sequence[str]) -> None:
    if problems:
        more = [f"and {len(problems) - _SHOWN_PROBLEMS} more"] if len(problems) > _SHOWN_PROBLEMS else []
        raise TaskPlanFileError("\n".join([*problems[:_SHOWN_PROBLEMS], *more]))


def _executed(backend: Sandbox, plan: TaskPlan, *, volatile: Sequence[str]) -> tuple[Task, str] | str:
    """The task with its final state, or why the plan makes none."""
    watch = StateWatch(backend)
    watch.reset(plan.state_ref)
    messages = [text_message(Role.SYSTEM, plan.system)] if plan.system else []
    for turn in plan.turns:
        messages.append(text_message(Role.USER, turn.user))
        for step in turn.steps:
            results = [watch.call(call.name, call.arguments) for call in step]
            for call, result in zip(step, results, strict=True):
                if result.is_error != call.fails:
                    does = "refuses" if result.is_error else 'does not refuse (the plan says "fails")'
                    shown = canonical_call(call.name, call.arguments)
                    return (
                        f"{plan.task_id}: the backend {does} {call.name}({shown.arguments[:SHOWN_CHARACTERS]}): "
                        f"{result.text[:SHOWN_CHARACTERS]}"
                    )
            messages += _messages(step, results, first=len(watch.only_read) - len(step) + 1)
        messages += [text_message(Role.ASSISTANT, turn.answer)] if turn.answer else []
    state = watch.snapshot()
    if plan.expected_state is not None:
        expected = canonical_state(json.dumps(plan.expected_state), volatile=volatile)
        if expected != state:
            return f"{plan.task_id}: the plan ends in another state than expected_state; correct one of them"
    return _task(plan, tuple(messages), state=state_digest(state), only_read=watch.only_read), state


def _first_difference(one: Any, other: Any, at: str = "") -> str:
    """The path of the first value in which two states differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next(_first_difference(one[key], other[key], f"{at}.{key}") for key in one if one[key] != other[key])
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next(_first_difference(a, b, f"{at}[{place}]") for place, (a, b) in pairs if a != b)
    return at.removeprefix(".") or "the whole state"


def _messages(step: Sequence[PlanCall], results: Sequence[ToolResult], *, first: int) -> Iterator[Message]:
    ids = [f"call_{first + place}" for place in range(len(step))]
    yield Message(
        role=Role.ASSISTANT,
        tool_calls=tuple(
            ToolCall(id=id_, name=call.name, arguments_json=json.dumps(call.arguments, ensure_ascii=False))
            for id_, call in zip(ids, step, strict=True)
        ),
    )
    for id_, call, result in zip(ids, step, results, strict=True):
        text = text_message(Role.TOOL, result.text)
        yield msgspec.structs.replace(text, tool_call_id=id_, name=call.name)


def _task(plan: TaskPlan, messages: tuple[Message, ...], *, state: str, only_read: Sequence[bool]) -> Task:
    run = Trajectory(
        trajectory_id=plan.task_id,
        agent="",
        source=Source(file="", line=0, offset=0, format="plan"),
        task_key=plan.task_key,
        outcome=Outcome(status=OutcomeStatus.SUCCESS),
        messages=messages,
        initial_state_ref=plan.state_ref,
        final_state_ref=state,
    )
    category = categorize(messages, error_forms=())
    task = run_as_task(AcceptedRun(run=run, category=category, tools=tuple(tools_used(messages))))
    return msgspec.structs.replace(
        task,
        family=plan.family,
        system=plan.system,
        plan=tuple(_ordered(plan, task.plan, only_read)),
        answers=plan.answers,
        level=plan.level,
        split_key=plan.split_key,
    )


def _ordered(plan: TaskPlan, calls: Sequence[PlannedCall], only_read: Sequence[bool]) -> Iterator[PlannedCall]:
    """The calls, each after those of the step before that succeeded; the calls of one step are free."""
    before: tuple[str, ...] = ()
    left = iter(zip(calls, only_read, strict=True))
    for turn in plan.turns:
        for step in turn.steps:
            made = [next(left) for _ in step]
            for call, reads in made:
                yield msgspec.structs.replace(call, after=before, reads=reads)
            before = tuple(call.id for call, _ in made if not call.fails) or before
