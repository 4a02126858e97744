"""Rule 3: assistant turns contain no control string of the chat format.

Invariant: an accepted run's assistant turns have no control string in text, reasoning or unescaped arguments. In user
text and tool results control strings are data from outside; the chat template neutralizes them, so they reject no run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


def check_control_tokens(messages: Sequence[Message], *, control_strings: Sequence[str]) -> Violation | None:
    """The first control string in an assistant turn, if any."""
    texts = [_texts(message) for message in messages if message.role is Role.ASSISTANT]
    together = "\0".join(chain.from_iterable(texts))  # clean runs, nearly all, cost one search a string
    if not any(map(together.__contains__, control_strings)):
        return None
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            continue
        named = list(_named_texts(message))
        together = "\0".join([text for _, text in named])
        control = next((string for string in control_strings if string in together), None)
        if control is not None:
            where = next((where for where, text in named if control in text), "the turn")
            reason = (
                f"message {place}: {where} contains the control string {control!r}; the model would learn to write it"
            )
            return Violation(rule=Rule.CONTROL_TOKENS, fault=Fault.CONTROL_TOKEN, reason=reason)
    return None


def _texts(message: Message) -> list[str]:
    """The texts of `_named_texts`, without their names."""
    texts = [message.text, message.reasoning or ""]
    for call in message.tool_calls:
        texts += (call.name, _unescaped(call.arguments_json))
    return texts


def _named_texts(message: Message) -> Iterator[tuple[str, str]]:
    """Every text that the model wrote in a turn, with a name for it."""
    yield "the text", message.text
    yield "the reasoning", message.reasoning or ""
    for call in message.tool_calls:
        yield "a tool name", call.name
        yield f"an argument of {call.name}", _unescaped(call.arguments_json)


def _unescaped(arguments: str) -> str:
    """Arguments with their JSON escapes resolved; text that is not JSON is unchanged (the catalog rule rejects it)."""
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
