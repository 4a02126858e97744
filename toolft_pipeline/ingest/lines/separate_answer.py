"""The answer of a run where it lies beside its messages, as proxies and request loggers write it.

Invariant: an answer that stands in the line is the run's last message, or the run is refused; a run is never kept
without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.reading import NULL, UnsupportedError
from toolft_pipeline.trajectories.record import Message, Role

ANSWER_KEYS = ("response", "choices", "output", "completion")

_NOTHING = frozenset({b"null", b'""', b"[]", b"{}"})
_WRAPPERS = ("body", "message")
_ROLE = b'"role":"assistant"'


class HasAnswerKeys(Protocol):
    """A decoded line with the keys under which answers stand."""

    response: Raw
    choices: Raw
    output: Raw
    completion: Raw


def append_separate_answer(messages: list[Message], run: HasAnswerKeys, *, read: Callable[[Raw], Message]) -> None:
    """Put the answer that stands beside the messages behind them, unless it is their last one already."""
    ended = messages[-1].role is Role.ASSISTANT and not messages[-1].tool_calls
    for key in ANSWER_KEYS:
        try:
            answer = separate_answer(key, getattr(run, key))
        except UnsupportedError:
            if ended:  # the run has its answer, so this is something else
                continue
            raise
        if answer is None:
            continue
        said, last = read(answer), messages[-1]
        if (said.content, said.tool_calls) == (last.content, last.tool_calls):
            continue
        if last.role is Role.ASSISTANT:
            raise UnsupportedError(f"`{key}` beside the messages holds another answer than the last message")
        messages.append(said)


def separate_answer(key: str, value: Raw) -> Raw | None:
    """The one assistant message that a value holds, as JSON; None where it says nothing.

    Raises `UnsupportedError` where it says something else: several answers, or an unknown shape.
    """
    raw = bytes(value)
    if raw in _NOTHING:
        return None
    if raw.startswith(b'"'):
        return _of_text(value, key)
    if raw.startswith(b"{"):
        return _of_object(msgspec.json.decode(value, type=dict[str, Raw]), value, key)
    if not raw.startswith(b"["):
        raise _unknown(key)
    several = msgspec.json.decode(value, type=list[Raw])
    if len(several) != 1:
        raise UnsupportedError(f"several answers stand under `{key}`; log the one that was taken as last message")
    return separate_answer(key, several[0])


def _of_text(value: Raw, key: str) -> Raw | None:
    """A text is the answer itself, but for JSON that holds an answer."""
    text = msgspec.json.decode(value, type=str).strip()
    if text.startswith(("{", "[")):
        try:
            return separate_answer(key, Raw(text.encode()))
        except (msgspec.DecodeError, UnsupportedError, RecursionError):
            pass
    return Raw(b"{" + _ROLE + b',"content":' + bytes(value) + b"}")


def _of_object(given: dict[str, Raw], value: Raw, key: str) -> Raw | None:
    if bytes(given.get("choices", NULL)).startswith(b"["):
        return separate_answer(key, given["choices"])
    if bytes(given.get("role", NULL)) == b'"assistant"':
        return value
    for inner in _WRAPPERS:
        if bytes(given.get(inner, NULL)).startswith(b"{"):
            return separate_answer(key, given[inner])
    for text in ("content", "text"):  # a completion of the older API has text alone
        if bytes(given.get(text, NULL)).startswith(b'"') and "role" not in given and "type" not in given:
            return Raw(b"{" + _ROLE + b',"content":' + bytes(given[text]) + b"}")
    raise _unknown(key)


def _unknown(key: str) -> UnsupportedError:
    return UnsupportedError(
        f"`{key}` beside the messages holds no answer in a known shape; put the answer last in the messages"
    )
