"""Rule 1: the conversation follows the agent's protocol.

Invariant: in an accepted run every call has exactly one result directly after its turn, every result answers a call,
and each turn may follow the turn before it. The table below lists the legal transitions; some of them are settings
because some agents log that way on purpose. A tool that the run's own log does not offer was made up, even where
today's catalog has one of that name.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline.verification.rules.turns import count_opening_system_turns
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation

_AFTER: dict[Role | None, frozenset[Role]] = {
    None: frozenset({Role.SYSTEM, Role.USER}),
    Role.SYSTEM: frozenset({Role.USER}),
    Role.USER: frozenset({Role.ASSISTANT}),
    Role.ASSISTANT: frozenset({Role.USER, Role.TOOL}),
    Role.TOOL: frozenset({Role.TOOL, Role.ASSISTANT}),
}

_BY_SETTING: dict[tuple[Role | None, Role], str] = {
    (Role.SYSTEM, Role.SYSTEM): "allow_consecutive_system_turns",
    (Role.USER, Role.USER): "allow_consecutive_user_turns",
    (Role.TOOL, Role.USER): "allow_user_turn_after_result",
}
"""Transitions that a setting allows. Opening turns and system turns midway are checked separately."""


def check_structure(run: Trajectory, *, settings: VerificationSettings) -> Violation | None:
    """The first structural violation of a run, if any. Message numbers in reasons start at 0."""
    messages = run.messages
    return (
        _offered(run, settings)
        or _calls(messages, settings)
        or _transitions(messages, _of_format(run, settings))
        or _end(messages, settings)
    )


def _of_format(run: Trajectory, settings: VerificationSettings) -> VerificationSettings:
    """The settings, with what the log format allows by itself: Anthropic's user turns hold results and text."""
    if run.source.format != "anthropic" or settings.allow_user_turn_after_result:
        return settings
    return settings.model_copy(update={"allow_user_turn_after_result": True})


def _fault(fault: Fault, reason: str, *quoted: str) -> Violation:
    return Violation(rule=Rule.STRUCTURE, fault=fault, reason=reason, quoted=quoted)


def _offered(run: Trajectory, settings: VerificationSettings) -> Violation | None:
    if not run.unoffered_tools or settings.allow_unoffered_tools:
        return None
    hint = "verification.allow_unoffered_tools keeps such runs"
    reason = f"calls {{}}, which the tools offered in its own log do not include; {hint}"
    return _fault(Fault.UNOFFERED_TOOL, reason, ", ".join(run.unoffered_tools))


def _transitions(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    before: Role | None = None
    opening = count_opening_system_turns(messages)
    for place, message in enumerate(messages):
        if place == opening and message.role is Role.ASSISTANT:
            violation = _opening_assistant_turn(place, settings)
        elif place >= opening and message.role is Role.SYSTEM:
            violation = None if settings.allow_system_turns_midway else _midway(place, before)
        else:
            violation = _transition(place, message, before, settings)
        if violation is not None:
            return violation
        if message.role is Role.ASSISTANT and not message.tool_calls and not message.text.strip():
            return _fault(Fault.EMPTY_TURN, f"message {place} is an assistant turn without text or calls")
        if place < opening or message.role is not Role.SYSTEM:  # a system turn midway does not change the order
            before = message.role
    if not any(message.role is Role.USER and message.text.strip() for message in messages):
        return _fault(Fault.NO_USER_TURN, "no user turn with text")
    return None


def _transition(place: int, message: Message, before: Role | None, settings: VerificationSettings) -> Violation | None:
    setting = _BY_SETTING.get((before, message.role))
    if message.role in _AFTER[before] if setting is None else getattr(settings, setting):
        return None
    reason = f"message {place} is {_a(message.role)} turn after {f'{_a(before)} turn' if before else 'nothing'}"
    hint = f"; verification.{setting} keeps such runs" if setting else ""
    return _fault(Fault.ILLEGAL_TRANSITION, reason + hint)


def _opening_assistant_turn(place: int, settings: VerificationSettings) -> Violation | None:
    if settings.opening_assistant_turn == "keep" and place:
        return None
    hint = "verification.opening_assistant_turn: drop removes the turn"
    if settings.opening_assistant_turn == "keep":
        hint = f"no system turn comes before it, so the model would have no prompt; {hint}"
    reason = f"message {place} is an assistant turn before any user turn; {hint}"
    return _fault(Fault.ILLEGAL_TRANSITION, reason + (", keep keeps it" if place else ""))


def _midway(place: int, before: Role | None) -> Violation:
    reason = f"message {place} is a system turn after {_a(before or Role.SYSTEM)} turn"
    return _fault(Fault.ILLEGAL_TRANSITION, f"{reason}; verification.allow_system_turns_midway keeps such runs")


def _a(role: Role) -> str:
    return f"an {role}" if role is Role.ASSISTANT else f"a {role}"


def _calls(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    """The first call without exactly one result, by id, in the tool turns directly after it."""
    open_calls: dict[str, str] = {}
    calls_at = 0
    for place, message in enumerate(messages):
        if message.role is Role.TOOL:
            violation = _result(place, message, open_calls)
        elif open_calls:
            violation = _unanswered(calls_at, open_calls)
        else:
            violation, calls_at = _open_calls(place, message, open_calls), place
        if violation is not None:
            return violation
    if not open_calls:
        return None
    ends_in_calls = calls_at == len(messages) - 1
    if ends_in_calls and settings.allow_final_call:
        return None
    return _unanswered(calls_at, open_calls, setting="allow_final_call" if ends_in_calls else None)


def _result(place: int, message: Message, open_calls: dict[str, str]) -> Violation | None:
    name = open_calls.pop(message.tool_call_id or "", None)
    if name is None:
        return _fault(Fault.UNASKED_RESULT, f"message {place} answers no call of the assistant turn before it")
    if message.name is not None and message.name != name:
        reason = f"message {place} is a result of {message.name}, but its call id belongs to {name}"
        return _fault(Fault.CALL_ID, reason)
    return None


def _open_calls(place: int, message: Message, open_calls: dict[str, str]) -> Violation | None:
    """Add the calls of a message to those without a result."""
    for call in message.tool_calls:
        if message.role is not Role.ASSISTANT:
            return _fault(Fault.ILLEGAL_TRANSITION, f"message {place} is {_a(message.role)} turn with tool calls")
        if not call.id:
            reason = f"message {place}: a call of {call.name} has no id, and order and names do not identify its result"
            return _fault(Fault.CALL_ID, f"{reason}; log the calls' ids, and with each result its tool_call_id")
        if call.id in open_calls:
            return _fault(Fault.CALL_ID, f"message {place}: a call of {call.name} has the id of another call")
        open_calls[call.id] = call.name
    return None


def _unanswered(place: int, open_calls: dict[str, str], *, setting: str | None = None) -> Violation:
    reason = f"message {place}: no result for the call of {', '.join(sorted(open_calls.values()))}"
    hint = f"; verification.{setting} keeps runs that end in calls" if setting else ""
    return _fault(Fault.UNANSWERED_CALL, reason + hint)


def _end(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    last, place = messages[-1].role, len(messages) - 1
    if last is Role.TOOL and not settings.allow_dangling_call:
        reason = f"the run ends in a tool result (message {place}); verification.allow_dangling_call keeps such runs"
        return _fault(Fault.DANGLING_CALL, reason)
    if last in (Role.USER, Role.SYSTEM):
        reason = f"the run ends in a {last} turn without an answer (message {place})"
        answered = any(message.role is Role.ASSISTANT for message in messages)
        hint = "; verification.cut_trailing_user_turns removes it" if answered else ""
        return _fault(Fault.NO_ANSWER, reason + hint)
    return None
