"""How a failed rollout failed: what the model did wrong, in terms that say what to fix.

Invariant: a failed rollout has at least one mode. Modes come from the task's plan and the transcript; the consequence
of another mistake (a wrong state after a wrong argument, a wrong answer after a wrong call) is not reported again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from toolft_pipeline.evaluation.judge.calls import CanonicalCall
from toolft_pipeline.evaluation.judge.required_reads import turns_with_known_values
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, FailureMode, RolloutFinding
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import ExecutedCall, StopReason, Transcript
from toolft_pipeline.evaluation.models.parse_faults import ParseFault, parse_fault
from toolft_pipeline.trajectories.grounding_text import is_identifier, is_number, leaves, words

_OF_FAULT = {
    ParseFault.CUT: FailureMode.CUT,
    ParseFault.MALFORMED: FailureMode.MALFORMED_CALL,
    ParseFault.LOST: FailureMode.LOST_CALL,
}
_OF_CONDITION = {
    FailedCondition.UNKNOWN_TOOL: FailureMode.MADE_UP_TOOL,
    FailedCondition.INVALID_ARGUMENTS: FailureMode.INVALID_ARGUMENTS,
    FailedCondition.ILLEGAL_ORDER: FailureMode.ILLEGAL_ORDER,
    FailedCondition.MISSING_READ: FailureMode.MISSING_READ,
}
"""Failed conditions that are a failure mode by themselves."""

_OF_ANSWER = {
    FailedCondition.WRONG_ANSWER: FailureMode.WRONG_ANSWER,
    FailedCondition.ANSWER_UNREAD: FailureMode.ANSWER_UNREAD,
}
"""Failed conditions that are a failure mode where the calls are right: wrong calls give wrong answers."""

MAX_REPEATS = 1
"""Repeats of one call that are not yet a loop, as long as the budget of calls holds."""


def failure_modes(task: Task, transcript: Transcript, findings: Sequence[RolloutFinding]) -> tuple[FailureMode, ...]:
    """The failure modes of a rollout with these findings, in the order of `FailureMode`."""
    if not findings:
        return ()
    failures = {finding.failure for finding in findings}
    modes = {_OF_CONDITION[failure] for failure in failures if failure in _OF_CONDITION}
    modes.update(_unparsed(transcript))
    modes.update(_instead_of_planned(task, transcript))
    if (repeats := _most_repeats(transcript)) > MAX_REPEATS or (repeats and FailedCondition.EXTRA_CALLS in failures):
        modes.add(FailureMode.LOOP)
    elif FailedCondition.EXTRA_CALLS in failures and not modes & {FailureMode.WRONG_TOOL, FailureMode.WRONG_ARGUMENTS}:
        modes.add(FailureMode.EXTRA_CALLS)
    if not modes:
        modes.update(_OF_ANSWER[failure] for failure in failures if failure in _OF_ANSWER)
    if FailedCondition.FABRICATED in failures or _fabricates(task, transcript):
        modes.add(FailureMode.FABRICATED)
    if transcript.stop is StopReason.SANDBOX_FAILED:
        modes.add(FailureMode.BACKEND_FAILED)
    elif FailedCondition.NO_ANSWER in failures and transcript.stop is not StopReason.LOST:
        modes.add(FailureMode.UNFINISHED)
    return tuple(mode for mode in FailureMode if mode in modes) or (FailureMode.WRONG_STATE,)


def _unparsed(transcript: Transcript) -> Iterator[FailureMode]:
    """The fault of each turn with a call that could not be parsed."""
    for turn in transcript.turns:
        fault = parse_fault(
            text=turn.text, finished=turn.generation.finished, malformed=turn.malformed, called=bool(turn.calls)
        )
        if fault is not None:
            yield _OF_FAULT[fault]


def _instead_of_planned(task: Task, transcript: Transcript) -> Iterator[FailureMode]:
    """What the model did instead of planned calls that did not succeed, user turn by user turn."""
    planned = {call.as_call for call in task.plan}
    succeeded = Counter(made.as_call for _, made in transcript.calls_made() if not made.is_error)
    for number in range(len(task.user_turns)):
        turns = [turn for turn in transcript.turns if turn.user_turn == number]
        missing = []
        for call in (call for call in task.plan if call.turn == number):
            if succeeded[call.as_call]:
                succeeded[call.as_call] -= 1
            elif not call.fails or not any(turn.calls for turn in turns):
                missing.append(call.name)
        others = [made for turn in turns for made in turn.calls if made.as_call not in planned and not _made_up(made)]
        yield from _modes_of_missing(missing, others, answered=any(turn.is_answer for turn in turns))


def _modes_of_missing(missing: list[str], others: list[ExecutedCall], *, answered: bool) -> Iterator[FailureMode]:
    """Pair missing calls with other calls of the same tool first, then with calls of other tools."""
    for name in list(missing):
        same = next((made for made in others if made.call.name == name), None)
        if same is not None:
            missing.remove(name)
            others.remove(same)
            if same.reason is None:
                yield FailureMode.WRONG_ARGUMENTS
    if missing and others:
        yield FailureMode.WRONG_TOOL
    if answered and len(missing) > len(others):
        yield FailureMode.SKIPPED_CALL


def _made_up(made: ExecutedCall) -> bool:
    return made.reason is not None and made.reason.startswith("unknown tool")


def _most_repeats(transcript: Transcript) -> int:
    """How many later turns repeat a call of an earlier turn with the same result, for the most repeated call."""
    seen: Counter[tuple[CanonicalCall, str]] = Counter()
    for turn in transcript.turns:
        seen.update({(made.as_call, made.result) for made in turn.calls})
    return max(seen.values(), default=1) - 1


def _fabricates(task: Task, transcript: Transcript) -> bool:
    """Whether an answer has an ungrounded id or number, or a call an ungrounded id."""
    for turn, known in turns_with_known_values(task, transcript):
        answered = words(turn.text) if turn.is_answer else []
        passed = [value for made in turn.calls for value in _texts(made) if is_identifier(value)]
        if any(is_identifier(word) and not known.in_run(word) for word in (*answered, *passed)):
            return True
        if any(is_number(word) and not known.contains_number(word) for word in answered):
            return True
    return False


def _texts(made: ExecutedCall) -> list[str]:
    """The strings among a call's arguments, in lower case."""
    arguments = json.loads(made.call.arguments_json)
    return [value.casefold() for _, value, _ in leaves(arguments, {}) if isinstance(value, str)]
