"""Read an answer that is logged next to the messages.

Proxies and request loggers write it there.

Invariant: an answer in the line becomes the run's last message, or the run is refused; it is never lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError
from toolft_pipeline.trajectories.record import Message, Role

ANSWER_KEYS = ("response", "choices", "output", "completion")

_EMPTY = frozenset({b"null", b'""', b"[]", b"{}"})
_WRAPPERS = ("body", "message")
_ROLE = b'"role":"assistant"'


class HasAnswerKeys(Protocol):
    """A decoded line with the keys that may hold an answer."""

    response: Raw
    choices: Raw
    output: Raw
    completion: Raw


def append_separate_answer(messages: list[Message], run: HasAnswerKeys, *, read: Callable[[Raw], Message]) -> None:
    """Append the answer next to the messages, unless it is their last message already."""
    has_answer = messages[-1].role is Role.ASSISTANT and not messages[-1].tool_calls
    for key in ANSWER_KEYS:
        try:
            answer = separate_answer(key, getattr(run, key))
        except UnsupportedError:
            if has_answer:  # then this value is something else
                continue
            raise
        if answer is None:
            continue
        message, last = read(answer), messages[-1]
        if (message.content, message.tool_calls) == (last.content, last.tool_calls):
            continue
        if last.role is Role.ASSISTANT:
            raise UnsupportedError(f"`{key}` next to the messages differs from the last message; log one answer")
        messages.append(message)


def separate_answer(key: str, value: Raw) -> Raw | None:
    """Return the one assistant message of a value as JSON; None if the value is empty.

    Raises `UnsupportedError` for several answers or an unknown shape.
    """
    raw = bytes(value)
    if raw in _EMPTY:
        return None
    if raw.startswith(b'"'):
        return _from_text(value, key)
    if raw.startswith(b"{"):
        return _from_object(msgspec.json.decode(value, type=dict[str, Raw]), value, key)
    if not raw.startswith(b"["):
        raise _unknown(key)
    several = msgspec.json.decode(value, type=list[Raw])
    if len(several) != 1:
        raise UnsupportedError(f"`{key}` holds several answers; log the one that the agent used as the last message")
    return separate_answer(key, several[0])


def _from_text(value: Raw, key: str) -> Raw | None:
    """Return the answer of a text: the text itself, or the answer in its JSON."""
    text = msgspec.json.decode(value, type=str).strip()
    if text.startswith(("{", "[")):
        try:
            return separate_answer(key, Raw(text.encode()))
        except (msgspec.DecodeError, UnsupportedError, RecursionError):
            pass
    return Raw(b"{" + _ROLE + b',"content":' + bytes(value) + b"}")


def _from_object(given: dict[str, Raw], value: Raw, key: str) -> Raw | None:
    if bytes(given.get("choices", NULL)).startswith(b"["):
        return separate_answer(key, given["choices"])
    if bytes(given.get("role", NULL)) == b'"assistant"':
        return value
    for inner in _WRAPPERS:
        if bytes(given.get(inner, NULL)).startswith(b"{"):
            return separate_answer(key, given[inner])
    for text in ("content", "text"):  # the older completions API has only text
        if bytes(given.get(text, NULL)).startswith(b'"') and "role" not in given and "type" not in given:
            return Raw(b"{" + _ROLE + b',"content":' + bytes(given[text]) + b"}")
    raise _unknown(key)


def _unknown(key: str) -> UnsupportedError:
    return UnsupportedError(
        f"`{key}` next to the messages has no answer in a known shape; log the answer as the last message"
    )
