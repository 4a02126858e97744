"""Whether a rollout did its task.

Invariant: a conjunction over the task's own declaration; the backend's code is never asked. No single condition is
enough: on 200 executed scenarios the final state alone missed 48 % of dropped calls and every made-up tool.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.scoring.calls import Call
from toolft_pipeline.evaluation.scoring.failure_modes import failure_modes
from toolft_pipeline.evaluation.scoring.judgement import Failure, Finding, Judgement
from toolft_pipeline.evaluation.scoring.required_reads import untold
from toolft_pipeline.evaluation.scoring.task import PlannedCall, Task
from toolft_pipeline.evaluation.scoring.transcript import AssistantTurn, Stop, Transcript
from toolft_pipeline.trajectories.grounding_text import is_identifier, leaves


class TaskPlanError(FixableError, ValueError):
    """A task's plan has no legal order; names the task."""


def judge(task: Task, transcript: Transcript, *, extra_calls: int) -> Judgement:
    """All conditions on a whole rollout. `extra_calls` is the budget of calls beyond the plan."""
    made = [(turn, each.as_call, each) for turn, each in transcript.made()]
    findings = list(already_lost(task, transcript.turns, extra_calls=extra_calls))
    if transcript.final_state != task.expected_state:
        findings.append(Finding(failure=Failure.WRONG_STATE, detail="the backend's final state is not the expected"))
    done = Counter(call for _, call, each in made if not each.is_error)
    missing = Counter(call.as_call for call in task.plan if not call.fails) - done
    findings += [Finding(failure=Failure.MISSING_CALL, detail=_shown(call)) for call in sorted(missing.elements())]
    findings += [
        Finding(failure=Failure.MISSING_ATTEMPT, detail=f"{_shown(call.as_call)} was to be tried, and to be refused")
        for call in _unattempted(task, [(turn, call) for turn, call, _ in made])
    ]
    ordered = [(turn, call) for turn, call, each in made if not each.is_error]
    out_of_order = [] if missing else _order_findings(task, ordered)
    findings += out_of_order or [
        Finding(failure=Failure.MISSING_READ, detail=f"{_shown(call)}: nothing had told {value!r} by then")
        for call, value in untold(task, transcript)
    ]
    answered = {turn.user_turn for turn in transcript.turns if turn.is_answer and turn.text}
    silent = [number for number in range(len(task.user_turns)) if number not in answered]
    if silent:
        ended = "" if transcript.stop is Stop.ANSWERED else f" ({transcript.stop})"
        detail = f"no answer to user turn {silent[0] + 1} of {len(task.user_turns)}{ended}"
        findings.append(Finding(failure=Failure.NO_ANSWER, detail=detail))
    return Judgement(findings=tuple(findings), modes=failure_modes(task, transcript, findings))


def already_lost(task: Task, turns: Sequence[AssistantTurn], *, extra_calls: int) -> tuple[Finding, ...]:
    """The conditions that nothing said later can mend: unreadable, unknown and invalid calls, too many calls."""
    tolerated = {call.as_call for call in task.plan if call.fails}
    findings = [
        Finding(failure=Failure.MALFORMED_CALL, detail=fragment) for turn in turns for fragment in turn.malformed
    ]
    made = [(each, each.as_call) for turn in turns for each in turn.calls]
    for each, call in made:
        if each.reason is not None and call not in tolerated:
            unknown = each.reason.startswith("unknown tool")
            failure = Failure.UNKNOWN_TOOL if unknown else Failure.INVALID_ARGUMENTS
            findings.append(Finding(failure=failure, detail=f"{call.name}: {each.reason}"))
    planned = Counter(call.as_call for call in task.plan if not call.fails)
    extra = Counter(call for _, call in made if call not in tolerated) - planned
    if extra.total() > extra_calls:
        listed = "; ".join(_shown(call) for call in sorted(extra.elements())[:3])
        detail = f"{extra.total()} calls beyond the plan, {extra_calls} allowed: {listed}"
        findings.append(Finding(failure=Failure.EXTRA_CALLS, detail=detail))
    return tuple(findings)


def _unattempted(task: Task, made: Sequence[tuple[int, Call]]) -> Iterator[PlannedCall]:
    """Calls planned to fail that were not tried, and that no later success of their user turn stands in for.

    Only the backend knows that it will refuse: who has not asked it makes the refusal up.
    """
    succeeding = {call.as_call for call in task.plan if not call.fails}
    for place, planned in enumerate(task.plan):
        phrase_in_text = any(not later.fails and later.turn == planned.turn for later in task.plan[place + 1 :])
        if not planned.fails or phrase_in_text:
            continue
        asked = [call for turn, call in made if turn == planned.turn and call not in succeeding]
        if not any(_about_the_same(call, planned.as_call) for call in asked):
            yield planned


def _about_the_same(call: Call, planned: Call) -> bool:
    """Whether a call carries every id and address of a planned one; where that has none, takes its tool or a value."""
    values, wanted = _values(call), _values(planned)
    identifiers = {value for value in wanted if is_identifier(value)}
    return identifiers <= values if identifiers else call.name == planned.name or bool(values & wanted)


def _values(call: Call) -> set[str]:
    return {str(value).casefold() for _, value, _ in leaves(json.loads(call.arguments), {})}


def _order_findings(task: Task, made: list[tuple[int, Call]]) -> list[Finding]:
    """Each planned call takes the earliest equal call of its user turn after all that must come before it."""
    place: dict[str, int] = {}
    for planned in _legal_order(task):
        earliest = max((place.get(before, -1) for before in planned.after), default=-1)
        wanted = (planned.turn, planned.as_call)
        found = (at for at, each in enumerate(made) if each == wanted and at > earliest and at not in place.values())
        at = next(found, None)
        if at is None:
            return [Finding(failure=Failure.ILLEGAL_ORDER, detail=f"{_shown(wanted[1])} was not made in its place")]
        place[planned.id] = at
    return []


def _legal_order(task: Task) -> list[PlannedCall]:
    """The planned calls that must be made, each after those before it; the plan's own order where it is free."""
    calls = {call.id: call for call in task.plan if not call.fails}
    sorter = TopologicalSorter({id_: [b for b in call.after if b in calls] for id_, call in calls.items()})
    try:
        return [calls[id_] for id_ in sorter.static_order()]
    except CycleError as error:
        raise TaskPlanError(f"task {task.task_id}: `after` of its plan runs in a circle; mend the plan") from error


def _shown(call: Call) -> str:
    return f"{call.name}({call.arguments})"
