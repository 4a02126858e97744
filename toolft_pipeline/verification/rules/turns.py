"""Normalizes a run's turns: joins what loggers split and adds ids that they left out, where that is certain.

Invariant: no text, call or result is made up, changed or moved. Calls and results without ids are paired by order and
name where only one pairing fits; one turn that a log wrote as several messages becomes one turn; turns are removed only
by a setting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message, Role, ToolCall, Trajectory


def normalize_turns(run: Trajectory, *, settings: VerificationSettings) -> Trajectory:
    """The run with normalized turns; the same object where nothing changes."""
    messages: Sequence[Message] = run.messages
    if _has_split_calls(messages):
        messages = _joined(messages)
    if _lacks_ids(messages):
        messages = _with_ids(messages)
    if settings.cut_trailing_user_turns:
        messages = _without_trailing_user_turns(messages)
    if settings.opening_assistant_turn == "drop":
        messages = _without_opening_assistant_turns(messages)
    return run if messages is run.messages else replace(run, messages=tuple(messages))


def count_opening_system_turns(messages: Sequence[Message]) -> int:
    """The number of system turns at the beginning."""
    return next((place for place, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))


def _has_split_calls(messages: Sequence[Message]) -> bool:
    return any(_continues(first, second) for first, second in pairwise(messages))


def _continues(first: Message, second: Message) -> bool:
    """Whether a message only adds calls to the assistant turn directly before it."""
    if not (first.tool_calls and second.tool_calls and first.role is second.role is Role.ASSISTANT):
        return False
    return not second.content and not second.reasoning and first.train == second.train


def _joined(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        if joined and _continues(joined[-1], message):
            joined[-1] = replace(joined[-1], tool_calls=(*joined[-1].tool_calls, *message.tool_calls))
        else:
            joined.append(message)
    return joined


def _lacks_ids(messages: Sequence[Message]) -> bool:
    return any(
        (message.role is Role.TOOL and not message.tool_call_id) or not all(call.id for call in message.tool_calls)
        for message in messages
    )


def _with_ids(messages: Sequence[Message]) -> list[Message]:
    """The messages with ids that match each result after an assistant turn to its call."""
    matched = list(messages)
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT or not message.tool_calls:
            continue
        end = place + 1
        while end < len(messages) and messages[end].role is Role.TOOL:
            end += 1
        calls, results = list(message.tool_calls), list(messages[place + 1 : end])
        pairs = _pairs(calls, results)
        if pairs is None:
            continue
        for number, answer in pairs:
            id_ = calls[number].id or (results[answer].tool_call_id if answer is not None else "") or ""
            calls[number] = replace(calls[number], id=id_ or f"call_{place}_{number}")
            if answer is not None:
                results[answer] = replace(results[answer], tool_call_id=calls[number].id)
        matched[place:end] = [replace(message, tool_calls=tuple(calls)), *results]
    return matched


def _pairs(calls: Sequence[ToolCall], results: Sequence[Message]) -> list[tuple[int, int | None]] | None:
    """Indices of calls and of their results, for those that ids do not pair; None where no or several pairings fit.
    In a turn without any result every call comes with None."""
    ids = {call.id for call in calls if call.id}
    answered = {result.tool_call_id for result in results if result.tool_call_id in ids}
    left = [number for number, call in enumerate(calls) if not call.id or call.id not in answered]
    free = [number for number, result in enumerate(results) if (result.tool_call_id or "") not in answered]
    if not results:
        return [(number, None) for number in left]
    if len(left) != len(free):
        return None
    names = [results[number].name for number in free]
    if all(names):
        free = _ordered_by_name([calls[number].name for number in left], free, names)
    if len(left) != len(free):
        return None
    for number, answer in zip(left, free, strict=True):
        call, result = calls[number], results[answer]
        if (call.id and result.tool_call_id) or (result.name and result.name != call.name):
            return None
    return list(zip(left, free, strict=True))


def _ordered_by_name(wanted: Sequence[str], free: Sequence[int], names: Sequence[str | None]) -> list[int]:
    """The indices in the order of the calls' names, stable within one name; empty where the names differ."""
    if Counter(wanted) != Counter(names):
        return []
    waiting = {name: [place for place, own in zip(free, names, strict=True) if own == name] for name in set(wanted)}
    return [waiting[name].pop(0) for name in wanted]


def _without_trailing_user_turns(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages up to the assistant's last turn or result, without the user and system turns after it."""
    end = len(messages)
    while end and messages[end - 1].role in (Role.USER, Role.SYSTEM):
        end -= 1
    return messages if end in (0, len(messages)) else messages[:end]


def _without_opening_assistant_turns(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages without assistant turns before the first user turn."""
    opening = count_opening_system_turns(messages)
    end = opening
    while end < len(messages) and messages[end].role is Role.ASSISTANT and not messages[end].tool_calls:
        end += 1
    return messages if end == opening else (*messages[:opening], *messages[end:])
