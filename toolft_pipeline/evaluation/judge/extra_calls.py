"""Calls beyond the plan: a few reads are free, anything else fails the task.

Invariant: a read is a call whose tool is declared to read (by the catalog or by the plan), or one that execution shows
to have succeeded and changed nothing. A write that the backend refused was refused by luck: nobody asked for it. A call
that is planned to fail may be tried once, in the planned words or in similar ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from toolft_pipeline.evaluation.judge.calls import CanonicalCall
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutFinding
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall
from toolft_pipeline.trajectories.grounding_text import is_identifier, leaves

_LISTED = 3
"""Most calls that a finding names."""


def extra_call_findings(task: Task, turns: Sequence[AssistantTurn], *, extra_calls: int) -> Iterator[RolloutFinding]:
    """Findings on the calls beyond the plan; `extra_calls` is how many reads there may be among them."""
    declared = frozenset(call.name for call in task.plan if call.reads)
    extra = list(_beyond_plan(task, turns))
    writes = [made for made in extra if not (made.reads or (made.reads is None and made.call.name in declared))]
    if writes:
        detail = f"a call beyond the plan that is no read: {_listed(writes)}"
        yield RolloutFinding(failure=FailedCondition.EXTRA_CALLS, detail=detail)
    elif len(extra) > extra_calls:
        detail = f"{len(extra)} reads beyond the plan, {extra_calls} allowed: {_listed(extra)}"
        yield RolloutFinding(failure=FailedCondition.EXTRA_CALLS, detail=detail)


def is_attempt(call: CanonicalCall, planned: CanonicalCall) -> bool:
    """Whether a call has every id and address of a planned one; if that has none, its tool or one of its values."""
    values, wanted = _values(call), _values(planned)
    identifiers = {value for value in wanted if is_identifier(value)}
    return identifiers <= values if identifiers else call.name == planned.name or bool(values & wanted)


def shown(call: CanonicalCall) -> str:
    """A call as a finding names it."""
    return f"{call.name}({call.arguments})"


def _beyond_plan(task: Task, turns: Sequence[AssistantTurn]) -> Iterator[ExecutedCall]:
    """The calls that are left once each planned call has taken an equal one, and each planned failure a similar one.

    A call that the catalog rejects is left out: it fails the task by itself.
    """
    planned = Counter(call.as_call for call in task.plan)
    failures = [(call.turn, call.as_call) for call in task.plan if call.fails]
    left: list[tuple[int, ExecutedCall]] = []
    for turn in turns:
        for made in turn.calls:
            if planned[made.as_call] > 0:
                planned[made.as_call] -= 1
                failures = _without(failures, made.as_call)
            elif made.reason is None:
                left.append((turn.user_turn, made))
    for number, made in left:
        tried = next((each for each in failures if each[0] == number and is_attempt(made.as_call, each[1])), None)
        if made.is_error and tried is not None:
            failures.remove(tried)
        else:
            yield made


def _without(failures: list[tuple[int, CanonicalCall]], call: CanonicalCall) -> list[tuple[int, CanonicalCall]]:
    """The planned failures without the first of this call."""
    place = next((place for place, (_, each) in enumerate(failures) if each == call), len(failures))
    return failures[:place] + failures[place + 1 :]


def _values(call: CanonicalCall) -> set[str]:
    return {str(value).casefold() for _, value, _ in leaves(json.loads(call.arguments), {})}


def _listed(made: Sequence[ExecutedCall]) -> str:
    return "; ".join(shown(each.as_call) for each in made[:_LISTED])
