"""Judge whether a rollout did its task.

Invariant: a conjunction of conditions from the task's own declaration, without looking at the backend's code. No single
condition is enough: on 200 executed scenarios the final state alone missed 48 % of dropped calls and every call of a
tool that does not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.answers import BUILT_IN_RULES, AnswerRules, answer_findings
from toolft_pipeline.evaluation.judge.calls import CanonicalCall
from toolft_pipeline.evaluation.judge.extra_calls import extra_call_findings, is_attempt, shown
from toolft_pipeline.evaluation.judge.failure_modes import failure_modes
from toolft_pipeline.evaluation.judge.required_reads import values_used_before_read
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutFinding, RolloutVerdict
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, StopReason, Transcript


class TaskPlanError(FixableError, ValueError):
    """A task's plan has no legal order; the message names the task."""


def judge_rollout(
    task: Task, transcript: Transcript, *, extra_calls: int, answers: AnswerRules = BUILT_IN_RULES
) -> RolloutVerdict:
    """Check all conditions on a whole rollout. `extra_calls` is the budget of reads beyond the plan."""
    made = [(turn, each.as_call, each) for turn, each in transcript.calls_made()]
    findings = list(unrecoverable_failures(task, transcript.turns, extra_calls=extra_calls))
    if transcript.final_state != task.expected_state:
        findings.append(_failed(FailedCondition.WRONG_STATE, "the backend's final state is not the expected one"))
    done = Counter(call for _, call, each in made if not each.is_error)
    missing = Counter(call.as_call for call in task.plan if not call.fails) - done
    findings += [_failed(FailedCondition.MISSING_CALL, shown(call)) for call in sorted(missing.elements())]
    findings += [
        _failed(FailedCondition.MISSING_ATTEMPT, f"{shown(call.as_call)} was not tried; the backend refuses it")
        for call in _unattempted(task, [(turn, call) for turn, call, _ in made])
    ]
    ordered = [(turn, call) for turn, call, each in made if not each.is_error]
    out_of_order = [] if missing else _order_findings(task, ordered)
    findings += out_of_order or [
        _failed(FailedCondition.MISSING_READ, f"{shown(call)}: {value!r} was used before any result contained it")
        for call, value in values_used_before_read(task, transcript)
    ]
    findings += _unanswered(task, transcript)
    findings += answer_findings(task, transcript, rules=answers)
    return RolloutVerdict(findings=tuple(findings), modes=failure_modes(task, transcript, findings))


def unrecoverable_failures(
    task: Task, turns: Sequence[AssistantTurn], *, extra_calls: int
) -> tuple[RolloutFinding, ...]:
    """Failures that no later turn can make good: malformed, unknown and invalid calls, too many calls."""
    planned = {call.as_call for call in task.plan if call.fails}
    findings = [_failed(FailedCondition.MALFORMED_CALL, fragment) for turn in turns for fragment in turn.malformed]
    made = [(each, each.as_call) for turn in turns for each in turn.calls]
    for each, call in made:
        if each.reason is not None and call not in planned:
            unknown = each.reason.startswith("unknown tool")
            failure = FailedCondition.UNKNOWN_TOOL if unknown else FailedCondition.INVALID_ARGUMENTS
            findings.append(_failed(failure, f"{call.name}: {each.reason}"))
    findings += extra_call_findings(task, turns, extra_calls=extra_calls)
    return tuple(findings)


def _failed(condition: FailedCondition, detail: str) -> RolloutFinding:
    return RolloutFinding(failure=condition, detail=detail)


def _unanswered(task: Task, transcript: Transcript) -> Iterator[RolloutFinding]:
    """The first user turn that has no answer, if there is one; one whose gold ends in a tool result needs none."""
    answered = {turn.user_turn for turn in transcript.turns if turn.is_answer and turn.text}
    silent = [
        number for number in range(len(task.user_turns)) if number not in answered and not task.ends_in_a_call(number)
    ]
    if silent:
        ended = "" if transcript.stop is StopReason.ANSWERED else f" ({transcript.stop})"
        detail = f"no answer to user turn {silent[0] + 1} of {len(task.user_turns)}{ended}"
        yield _failed(FailedCondition.NO_ANSWER, detail)


def _unattempted(task: Task, made: Sequence[tuple[int, CanonicalCall]]) -> Iterator[PlannedCall]:
    """Calls planned to fail that were not tried, unless a later successful call of their user turn replaces them.

    Only the backend knows that it refuses: a model that has not asked makes the refusal up.
    """
    succeeding = {call.as_call for call in task.plan if not call.fails}
    for position, planned in enumerate(task.plan):
        is_replaced = any(not later.fails and later.turn == planned.turn for later in task.plan[position + 1 :])
        if not planned.fails or is_replaced:
            continue
        tried = [call for turn, call in made if turn == planned.turn and call not in succeeding]
        if not any(is_attempt(call, planned.as_call) for call in tried):
            yield planned


def _order_findings(task: Task, made: list[tuple[int, CanonicalCall]]) -> list[RolloutFinding]:
    """Match each planned call with the earliest equal call of its user turn that follows all its predecessors."""
    position: dict[str, int] = {}
    for planned in _legal_order(task):
        earliest = max((position.get(before, -1) for before in planned.after), default=-1)
        wanted = (planned.turn, planned.as_call)
        free = (at for at, each in enumerate(made) if each == wanted and at not in position.values())
        at = next((at for at in free if at > earliest), None)
        if at is None:
            return [_failed(FailedCondition.ILLEGAL_ORDER, f"{shown(wanted[1])} was not called in the planned order")]
        position[planned.id] = at
    return []


def _legal_order(task: Task) -> list[PlannedCall]:
    """The planned calls that must be made, in an order that respects `after`, else in that of the plan."""
    calls = {call.id: call for call in task.plan if not call.fails}
    sorter = TopologicalSorter({id_: [b for b in call.after if b in calls] for id_, call in calls.items()})
    try:
        return [calls[id_] for id_ in sorter.static_order()]
    except CycleError as error:
        raise TaskPlanError(f"task {task.task_id}: `after` in its plan is cyclic; fix the plan") from error
