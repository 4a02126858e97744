"""Whether tasks can be done at all, and which of their calls only read: the catalog and the backend say it.

Invariant: a task is impossible only for a reason that holds for every model: a call that it demands is not allowed by
the catalog or fails on the backend, its state cannot be rebuilt, its plan ends in another state than the one that it
expects, or a rollout may not have as many turns as it takes. Nothing here looks at a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.calls import CanonicalCall, calls_of_message
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxError
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.sandbox.state_watch import StateWatch
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.record import Role

SHOWN_CHARACTERS = 200


class ImpossibleTask(Struct, frozen=True, kw_only=True):
    """A task that no model can do, and why."""

    task_id: str
    reason: str


class TaskChecks(Struct, frozen=True, kw_only=True):
    """The tasks that cannot be done, in order, each with the first reason; and by task the ids of planned calls that
    succeeded and changed nothing.
    """

    impossible: tuple[ImpossibleTask, ...]
    reads: dict[str, tuple[str, ...]]


def check_tasks(
    tasks: Sequence[Task], *, validator: CatalogValidator, sandbox: SandboxSettings | None, cwd: Path, max_turns: int
) -> TaskChecks:
    """Check every task; `max_turns` is the limit of a rollout. Without a sandbox the catalog alone is asked, because
    nothing is rolled out. Raises `SandboxError` if the backend does not start.
    """
    reads: dict[str, tuple[str, ...]] = {}
    reasons = {task.task_id: _forbidden(task, validator) for task in tasks}
    if sandbox is not None:
        reasons |= {task.task_id: reasons[task.task_id] or _too_long(task, max_turns) for task in tasks}
        asked = [task for task in tasks if reasons[task.task_id] is None]
        executed = map_on_sandboxes(asked, _executed, settings=sandbox, cwd=cwd, failed=_failed)
        for task, (reason, reading) in zip(asked, executed, strict=True):
            reasons[task.task_id], reads[task.task_id] = reason, reading
    return TaskChecks(
        impossible=tuple(
            ImpossibleTask(task_id=name, reason=reason) for name, reason in reasons.items() if reason is not None
        ),
        reads=reads,
    )


def with_reads(task: Task, reads: Collection[str]) -> Task:
    """The task with these of its planned calls marked as reads, beside those that it declares."""
    return replace(task, plan=tuple(replace(call, reads=call.reads or call.id in reads) for call in task.plan))


def _forbidden(task: Task, validator: CatalogValidator) -> str | None:
    """The first call of plan or gold run that the catalog does not allow. A planned refusal may have any arguments."""
    refused = {call.as_call for call in task.plan if call.fails}
    for call in dict.fromkeys(_demanded(task)):
        problem = validator.check(call.name, call.arguments)
        if problem is not None and (call not in refused or problem.startswith("unknown tool")):
            return f"the catalog does not allow {_shown(call)}: {problem}"
    return None


def _too_long(task: Task, max_turns: int) -> str | None:
    """A user turn takes one assistant turn for its calls, which may be parallel, and one for its answer."""
    answers = sum(not task.ends_in_a_call(turn) for turn in range(len(task.user_turns)))
    fewest = answers + len({call.turn for call in task.plan})
    if fewest <= max_turns:
        return None
    return f"it takes at least {fewest} assistant turns and evaluation.max_turns is {max_turns}; raise the limit"


def _demanded(task: Task) -> Iterator[CanonicalCall]:
    yield from (call.as_call for call in task.plan)
    for message in task.gold:
        if message["role"] == Role.ASSISTANT:
            yield from calls_of_message(message)


_Executed = tuple[str | None, tuple[str, ...]]
"""Why a plan cannot be executed, if it cannot, and the ids of the calls that only read."""


def _executed(sandbox: Sandbox, task: Task) -> _Executed:
    """Execute the plan from the task's state."""
    order = _in_order(task)
    if order is None:
        return "`after` in its plan is cyclic, so the plan has no order", ()
    watch = StateWatch(sandbox)
    watch.reset(task.state_ref)
    for call in order:
        result = watch.call(call.name, call.arguments)  # as written: a backend may tell 2.0 from 2
        if result.is_error and not call.fails:
            return f"the backend refuses {_shown(call.as_call)}: {result.text[:SHOWN_CHARACTERS]}", ()
    state = state_digest(watch.snapshot())
    if state != task.expected_state:
        return f"its plan ends in the state {state}, it expects {task.expected_state or 'none'}", ()
    return None, tuple(call.id for call, only_read in zip(order, watch.only_read, strict=True) if only_read)


def _failed(_task: Task, error: SandboxError) -> _Executed:
    return f"the backend cannot execute it: {error}", ()


def _in_order(task: Task) -> list[PlannedCall] | None:
    """The plan in the order of its turns and of the file, but each call after those that it names; None if cyclic."""
    left = sorted(task.plan, key=lambda call: call.turn)
    order: list[PlannedCall] = []
    done: set[str] = set()
    while left:
        ready = next((call for call in left if done.issuperset(call.after)), None)
        if ready is None:
            return None
        left.remove(ready)
        order.append(ready)
        done.add(ready.id)
    return order


def _shown(call: CanonicalCall) -> str:
    text = f"{call.name}({call.arguments})"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
