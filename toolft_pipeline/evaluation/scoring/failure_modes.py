"""How a failed rollout failed: what the model did, named so that somebody knows what to mend.

Invariant: a failed rollout has at least one mode. Modes are read off the task's plan and the transcript; what follows
from another mistake (a wrong state after a wrong argument) is not named again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from toolft_pipeline.evaluation.models.parse_faults import ParseFault, parse_fault
from toolft_pipeline.evaluation.scoring.calls import Call
from toolft_pipeline.evaluation.scoring.judgement import Failure, FailureMode, Finding
from toolft_pipeline.evaluation.scoring.required_reads import heard
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import MadeCall, Stop, Transcript
from toolft_pipeline.trajectories.grounding_text import is_identifier, is_number, leaves, words

_OF_FAULT = {
    ParseFault.CUT: FailureMode.CUT,
    ParseFault.MALFORMED: FailureMode.MALFORMED_CALL,
    ParseFault.LOST: FailureMode.LOST_CALL,
}
_OF_FINDING = {
    Failure.UNKNOWN_TOOL: FailureMode.MADE_UP_TOOL,
    Failure.INVALID_ARGUMENTS: FailureMode.INVALID_ARGUMENTS,
    Failure.ILLEGAL_ORDER: FailureMode.ILLEGAL_ORDER,
    Failure.MISSING_READ: FailureMode.MISSING_READ,
}
"""Findings that are a mode as they stand."""

LOOPS_FROM = 1
"""A call that was made again this often is no loop yet, if the budget of calls holds: one look back is allowed."""


def failure_modes(task: Task, transcript: Transcript, findings: Sequence[Finding]) -> tuple[FailureMode, ...]:
    """The modes of a rollout with these findings, in the order of `FailureMode`; none where nothing was found."""
    if not findings:
        return ()
    failures = {finding.failure for finding in findings}
    found = {_OF_FINDING[failure] for failure in failures if failure in _OF_FINDING}
    found.update(_unread(transcript))
    found.update(_in_place_of_the_planned(task, transcript))
    if (times := _most_repeated(transcript)) > LOOPS_FROM or (times and Failure.EXTRA_CALLS in failures):
        found.add(FailureMode.LOOP)
    elif Failure.EXTRA_CALLS in failures:
        found.add(FailureMode.EXTRA_CALLS)
    if _fabricates(task, transcript):
        found.add(FailureMode.FABRICATED)
    if transcript.stop is Stop.SANDBOX_FAILED:
        found.add(FailureMode.BACKEND_FAILED)
    elif Failure.NO_ANSWER in failures and transcript.stop is not Stop.LOST:
        found.add(FailureMode.UNFINISHED)
    return tuple(mode for mode in FailureMode if mode in found) or (FailureMode.WRONG_STATE,)


def _unread(transcript: Transcript) -> Iterator[FailureMode]:
    """Turns with calls that nobody made."""
    for turn in transcript.turns:
        fault = parse_fault(
            text=turn.text, finished=turn.generation.finished, malformed=turn.malformed, called=bool(turn.calls)
        )
        if fault is not None:
            yield _OF_FAULT[fault]


def _in_place_of_the_planned(task: Task, transcript: Transcript) -> Iterator[FailureMode]:
    """What was done in place of the planned calls that did not succeed, user turn by user turn."""
    planned = {call.as_call for call in task.plan}
    succeeded = Counter(made.as_call for _, made in transcript.made() if not made.is_error)
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


def _modes_of_missing(missing: list[str], others: list[MadeCall], *, answered: bool) -> Iterator[FailureMode]:
    """Missing calls are paired with other calls of their tool first, with calls of other tools then."""
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


def _made_up(made: MadeCall) -> bool:
    return made.reason is not None and made.reason.startswith("unknown tool")


def _most_repeated(transcript: Transcript) -> int:
    """How many later turns make a call of an earlier one again and hear the same, for the most repeated call."""
    heard: Counter[tuple[Call, str]] = Counter()
    for turn in transcript.turns:
        heard.update({(made.as_call, made.result) for made in turn.calls})
    return max(heard.values(), default=1) - 1


def _fabricates(task: Task, transcript: Transcript) -> bool:
    """Whether an answer has an id or a number that nothing had told, or a call has such an id."""
    for turn, told in heard(task, transcript):
        spoken = words(turn.text) if turn.is_answer else []
        asked = [value for made in turn.calls for value in _texts(made) if is_identifier(value)]
        if any(is_identifier(word) and not told.in_run(word) for word in (*spoken, *asked)):
            return True
        if any(is_number(word) and not told.contains_number(word) for word in spoken):
            return True
    return False


def _texts(made: MadeCall) -> list[str]:
    """The texts among a call's arguments, in lower case."""
    arguments = json.loads(made.call.arguments_json)
    return [value.casefold() for _, value, _ in leaves(arguments, {}) if isinstance(value, str)]
