"""Prefix hashes of a conversation, one after each message: runs share as many as they have first messages in common.

Invariant: the hashes ignore what differs when a log repeats a conversation: system prompts (they contain dates),
reasoning (providers do not return it), call ids, the order of parallel results, whitespace around a text, the key order
of arguments. They cover every word, call, argument, result and image, and whether a turn is marked as context without
loss: a run whose turns are learned is no prefix of a run that only shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from operator import itemgetter

from toolft_pipeline.trajectories.record import Message, Role


def conversation_hashes(messages: Sequence[Message], calls: Iterable[str]) -> list[int]:
    """A 64-bit hash after each message but system prompts; the last one identifies the whole run.

    `calls` are the run's `call_lines` in order.
    """
    chain = blake2b(digest_size=8)
    hashes = []
    for text in _texts(messages, iter(calls)):
        data = text.encode("utf-8", "surrogatepass")
        chain.update(b"%d:" % len(data))
        chain.update(data)
        hashes.append(int.from_bytes(chain.digest(), "little"))
    return hashes


def _texts(messages: Sequence[Message], calls: Iterator[str]) -> Iterator[str]:
    """Each message as one text, with tool results in the order of their calls."""
    results: list[tuple[int, str]] = []
    asked: dict[str | None, int] = {}
    for message in messages:
        made = list(islice(calls, len(message.tool_calls)))
        if message.role is Role.TOOL:
            results.append((asked.get(message.tool_call_id, len(asked)), _text(message, made)))
            continue
        if results:
            yield from _in_call_order(results)
            results.clear()
        if message.role is not Role.SYSTEM:
            asked = {call.id: place for place, call in enumerate(message.tool_calls)}
            yield _text(message, made)
    yield from _in_call_order(results)


def _in_call_order(results: list[tuple[int, str]]) -> Iterator[str]:
    return (text for _, text in sorted(results, key=itemgetter(0)))


def _text(message: Message, calls: list[str]) -> str:
    shown = [part.image_sha256 for part in message.content if part.image_sha256 is not None]
    return "\0".join([message.role if message.train else "context", message.text.strip(), *shown, *calls])
