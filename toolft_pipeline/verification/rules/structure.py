"""Rule 1: the conversation is one that the agent's protocol allows.

Invariant: in an accepted run every call has exactly one result directly after its turn, every result answers a call,
and each turn is one that may follow the turn before it. The legal transitions are the table below; some of them are
settings because some agents log that way on purpose. A tool that the run's own log shows the agent was not offered
was made up, even where today's catalog has one of that name.
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
"""Transitions that are as legal as a setting says. What may open a run, and system turns midway, are asked apart."""


def check_structure(run: Trajectory, *, settings: VerificationSettings) -> Violation | None:
    """The first structural fault of a run, if any. Places are 0-based message numbers."""
    messages = run.messages
    return (
        _offered(run, settings)
        or _calls(messages, settings)
        or _transitions(messages, _of_format(run, settings))
        or _end(messages, settings)
    )


def _of_format(run: Trajectory, settings: VerificationSettings) -> VerificationSettings:
    """The settings, with what the format of the log allows by itself: Anthropic's user turns hold results and text."""
    if run.source.format != "anthropic" or settings.allow_user_turn_after_result:
        return settings
    return settings.model_copy(update={"allow_user_turn_after_result": True})


def _fault(fault: Fault, reason: str, *quoted: str) -> Violation:
    return Violation(rule=Rule.STRUCTURE, fault=fault, reason=reason, quoted=quoted)


def _offered(run: Trajectory, settings: VerificationSettings) -> Violation | None:
    if not run.unoffered_tools or settings.allow_unoffered_tools:
        return None
    mend = "verification.allow_unoffered_tools keeps such runs"
    reason = f"calls {{}}, which its own log does not show among the tools that it was offered; {mend}"
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
        if place < opening or message.role is not Role.SYSTEM:  # what stands midway leaves the order as it was
            before = message.role
    if not any(message.role is Role.USER and message.text.strip() for message in messages):
        return _fault(Fault.NO_USER_TURN, "no user turn with text: nothing was asked")
    return None


def _transition(place: int, message: Message, before: Role | None, settings: VerificationSettings) -> Violation | None:
    setting = _BY_SETTING.get((before, message.role))
    if message.role in _AFTER[before] if setting is None else getattr(settings, setting):
        return None
    what = f"message {place} is {_a(message.role)} turn after {f'{_a(before)} turn' if before else 'nothing'}"
    mend = f"; verification.{setting} keeps such runs" if setting else ""
    return _fault(Fault.ILLEGAL_TRANSITION, what + mend)


def _opening_assistant_turn(place: int, settings: VerificationSettings) -> Violation | None:
    if settings.opening_assistant_turn == "keep" and place:
        return None
    mend = "verification.opening_assistant_turn: drop leaves it out"
    if settings.opening_assistant_turn == "keep":
        mend = f"there is no system turn before it that a model could be asked with; {mend}"
    reason = f"message {place} is an assistant turn before anyone spoke to it; {mend}"
    return _fault(Fault.ILLEGAL_TRANSITION, reason + (", keep keeps it" if place else ""))


def _midway(place: int, before: Role | None) -> Violation:
    reason = f"message {place} is a system turn after {_a(before or Role.SYSTEM)} turn"
    return _fault(Fault.ILLEGAL_TRANSITION, f"{reason}; verification.allow_system_turns_midway keeps such runs")


def _a(role: Role) -> str:
    return f"an {role}" if role is Role.ASSISTANT else f"a {role}"


def _calls(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    """Every call is answered once, by id, in the tool turns that directly follow it."""
    waiting: dict[str, str] = {}
    asked = 0
    for place, message in enumerate(messages):
        if message.role is Role.TOOL:
            violation = _result(place, message, waiting)
        elif waiting:
            violation = _unanswered(asked, waiting)
        else:
            violation, asked = _asked(place, message, waiting), place
        if violation is not None:
            return violation
    if not waiting:
        return None
    ends_in_calls = asked == len(messages) - 1
    if ends_in_calls and settings.allow_final_call:
        return None
    return _unanswered(asked, waiting, setting="allow_final_call" if ends_in_calls else None)


def _result(place: int, message: Message, waiting: dict[str, str]) -> Violation | None:
    name = waiting.pop(message.tool_call_id or "", None)
    if name is None:
        return _fault(Fault.UNASKED_RESULT, f"message {place} answers no call of the assistant turn before it")
    if message.name is not None and message.name != name:
        reason = f"message {place} is a result of {message.name}, but its call id belongs to {name}"
        return _fault(Fault.CALL_ID, reason)
    return None


def _asked(place: int, message: Message, waiting: dict[str, str]) -> Violation | None:
    """Let the calls of a message wait for their results."""
    for call in message.tool_calls:
        if message.role is not Role.ASSISTANT:
            return _fault(Fault.ILLEGAL_TRANSITION, f"message {place} is {_a(message.role)} turn with tool calls")
        if not call.id:
            reason = f"message {place}: a call of {call.name} has no id, and order and names do not tell its result"
            return _fault(Fault.CALL_ID, f"{reason}; log the calls' ids, and with each result its tool_call_id")
        if call.id in waiting:
            return _fault(Fault.CALL_ID, f"message {place}: a call of {call.name} has the id of another call")
        waiting[call.id] = call.name
    return None


def _unanswered(place: int, waiting: dict[str, str], *, setting: str | None = None) -> Violation:
    reason = f"message {place}: no result for the call of {', '.join(sorted(waiting.values()))}"
    mend = f"; verification.{setting} keeps runs that end in calls" if setting else ""
    return _fault(Fault.UNANSWERED_CALL, reason + mend)


def _end(messages: Sequence[Message], settings: VerificationSettings) -> Violation | None:
    last, place = messages[-1].role, len(messages) - 1
    if last is Role.TOOL and not settings.allow_dangling_call:
        reason = f"the run ends in a tool result (message {place}); verification.allow_dangling_call keeps such runs"
        return _fault(Fault.DANGLING_CALL, reason)
    if last in (Role.USER, Role.SYSTEM):
        reason = f"the run ends in a {last} turn without an answer (message {place})"
        answered = any(message.role is Role.ASSISTANT for message in messages)
        mend = "; verification.cut_trailing_user_turns cuts it off" if answered else ""
        return _fault(Fault.NO_ANSWER, reason + mend)
    return None
