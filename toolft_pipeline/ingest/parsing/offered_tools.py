"""Which of a run's calls its own log offers no tool for.

Invariant: a call is only said to be unoffered where every tool that the log shows has a name that can be read: what
cannot be read (a provider's built-in tool, a shape of its own, an empty list) may stand for any tool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw, Struct


class _Function(Struct):
    name: str | None = None


class _Tool(Struct):
    """OpenAI's chat API nests the name; its responses API, Anthropic and MCP do not."""

    name: str | None = None
    function: _Function | None = None


_DECODER = msgspec.json.Decoder(list[_Tool])


class ToolOffer(Struct, frozen=True):
    """A list of tools as a request carried it: its digest, and the tools' names, None where one cannot be read.

    The digest is of the list as JSON with its keys sorted and its tools in the order of their text: two loggers that
    write the same tools in another order name one catalog. What is no JSON is named after its bytes."""

    digest: str
    names: frozenset[str] | None


_KEPT = 256
"""Offers that are kept; nearly every run of a day has the same one, but some agents pick tools for each request."""

_OFFERS: dict[bytes, ToolOffer] = {}
"""By the digest of the list as written."""


def offer(tools: Raw) -> ToolOffer | None:
    """What a list of tools, as JSON, offers; None for null."""
    if tools == b"null":
        return None
    text = bytes(tools)
    written = sha256(text).digest()
    known = _OFFERS.get(written)
    if known is None:
        if len(_OFFERS) >= _KEPT:
            _OFFERS.clear()
        known = _OFFERS[written] = ToolOffer(digest=f"sha256:{sha256(_canonical(text)).hexdigest()}", names=_read(text))
    return known


def unoffered(called: Collection[str], offers: Iterable[ToolOffer | None]) -> tuple[str, ...]:
    """The names among `called`, sorted, that no offer of the run's requests has; none where that cannot be said."""
    names = [one.names for one in offers if one is not None] if called else []
    known = [one for one in names if one is not None]
    return tuple(sorted(set(called).difference(*known))) if known and len(known) == len(names) else ()


def _canonical(tools: bytes) -> bytes:
    try:
        read: Any = msgspec.json.decode(tools)
        if isinstance(read, list):
            read = sorted(read, key=_sorted_keys)
        return _sorted_keys(read)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return tools


def _sorted_keys(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _read(tools: bytes) -> frozenset[str] | None:
    try:
        offered = _DECODER.decode(tools)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    names = [tool.name or (tool.function.name if tool.function is not None else None) for tool in offered]
    known = frozenset(name for name in names if name)
    return known if names and all(names) else None
