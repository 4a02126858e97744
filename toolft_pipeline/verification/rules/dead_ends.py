"""Rule 4: the run is no dead end.

Invariant: an accepted run is no longer than the settings allow, repeats no call and no answer more often than they
allow, and does not consist of errors.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.trajectories.tool_failure import is_error
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation

_MIN_ERRORS = 3
"""Fewer failed calls than this teach something (retry, explain), whatever their share of a short run."""


def check_dead_ends(messages: Sequence[Message], *, settings: VerificationSettings) -> Violation | None:
    """The first sign of a dead end, if any."""
    turns = [message for message in messages if message.role is Role.ASSISTANT]
    if len(turns) > settings.max_turns:
        reason = f"{len(turns)} assistant turns; verification.max_turns is {settings.max_turns}"
        return _fault(Fault.TOO_MANY_TURNS, reason)
    for (name, _), times in _repeated(turns, more_than=settings.max_repeats).items():
        reason = f"{name} called {times} times with the same arguments; verification.max_repeats is"
        return _fault(Fault.REPEATED_CALL, f"{reason} {settings.max_repeats}")
    answers = Counter(turn.text.strip() for turn in turns if not turn.tool_calls)
    if max(answers.values(), default=0) > settings.max_repeats:
        reason = f"one answer given {max(answers.values())} times; verification.max_repeats is {settings.max_repeats}"
        return _fault(Fault.REPEATED_ANSWER, reason)
    return _errors(messages, settings)


def _errors(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    results = [message for message in messages if message.role is Role.TOOL]
    if len(results) < _MIN_ERRORS:
        return None
    errors = sum(is_error(result, settings.error_forms) for result in results)
    if errors < _MIN_ERRORS or errors <= settings.max_error_share * len(results):
        return None
    reason = f"{errors} of {len(results)} tool results are errors; verification.max_error_share is"
    return _fault(Fault.MOSTLY_ERRORS, f"{reason} {settings.max_error_share:g}")


def _fault(fault: Fault, reason: str) -> Violation:
    return Violation(rule=Rule.DEAD_ENDS, fault=fault, reason=reason)


def _repeated(turns: Sequence[Message], *, more_than: int) -> dict[tuple[str, str], int]:
    """Calls that occur more often than `more_than`. Arguments are parsed only for tools called that often."""
    calls = [call for turn in turns for call in turn.tool_calls]
    if len(calls) <= more_than:
        return {}
    names = Counter(call.name for call in calls)
    times = Counter(_key(call) for call in calls if names[call.name] > more_than)
    return {key: count for key, count in times.items() if count > more_than}


def _key(call: ToolCall) -> tuple[str, str]:
    """A call, regardless of spacing and key order in its arguments."""
    try:
        return call.name, json.dumps(json.loads(call.arguments_json), sort_keys=True)
    except (ValueError, RecursionError):
        return call.name, call.arguments_json
