"""Rule 3: no control string of the chat format stands in what the model is to learn to write.

Invariant: an accepted run's assistant turns hold no control string, neither in text and reasoning nor in arguments
once their JSON escapes are read. In user text and tool results control strings are data that came from outside; the
chat template neutralizes them there, so they are no reason to lose a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


def check_control_tokens(messages: Sequence[Message], *, control_strings: Sequence[str]) -> Violation | None:
    """The first control string in an assistant turn, if any."""
    said = [_said(message) for message in messages if message.role is Role.ASSISTANT]
    together = "\0".join(chain.from_iterable(said))  # clean runs, nearly all, cost one search a string
    if not any(map(together.__contains__, control_strings)):
        return None
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            continue
        written = list(_written(message))
        together = "\0".join([text for _, text in written])
        found = next((string for string in control_strings if string in together), None)
        if found is not None:
            where = next((where for where, text in written if found in text), "the turn")
            reason = f"message {place}: {where} holds the control string {found!r}; the model would learn to emit it"
            return Violation(rule=Rule.CONTROL_TOKENS, fault=Fault.CONTROL_TOKEN, reason=reason)
    return None


def _said(message: Message) -> list[str]:
    """What `_written` finds, without names for it."""
    texts = [message.text, message.reasoning or ""]
    for call in message.tool_calls:
        texts += (call.name, _unescaped(call.arguments_json))
    return texts


def _written(message: Message) -> Iterator[tuple[str, str]]:
    """Every text that the model wrote in a turn, with what it is."""
    yield "the text", message.text
    yield "the reasoning", message.reasoning or ""
    for call in message.tool_calls:
        yield "a tool name", call.name
        yield f"an argument of {call.name}", _unescaped(call.arguments_json)


def _unescaped(arguments: str) -> str:
    """Arguments with their JSON escapes read; a text that is not JSON stays as it is (the catalog rule's case)."""
    if "\\" not in arguments:
        return arguments
    try:
        return "\n".join(_strings(json.loads(arguments)))
    except (ValueError, RecursionError):
        return arguments


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
