"""Find the calls of a run whose tool its requests did not offer.

Invariant: a call counts as not offered only if every tool in the log has a readable name. A tool that cannot be read (a
provider's built-in tool, an unknown shape, an empty list) may be any tool.
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
    """OpenAI's chat API nests the name; its Responses API, Anthropic and MCP do not."""

    name: str | None = None
    function: _Function | None = None


_DECODER = msgspec.json.Decoder(list[_Tool])


class ToolOffer(Struct, frozen=True):
    """The tool list of a request: its digest and the names of its tools.

    `names` is None if one of them is not readable. The digest is that of the list as JSON with sorted keys and sorted
    tools, so that the order of writing does not matter. A list that is not JSON has the digest of its bytes.
    """

    digest: str
    names: frozenset[str] | None


_MAX_CACHED = 256
"""Cached tool lists. Nearly all runs of a day have the same one, but some agents select tools for each request."""

_CACHE: dict[bytes, ToolOffer] = {}
"""By the digest of the list's bytes."""


def tool_offer(tools: Raw) -> ToolOffer | None:
    """Read a tool list from JSON; None for null."""
    if tools == b"null":
        return None
    text = bytes(tools)
    written = sha256(text).digest()
    known = _CACHE.get(written)
    if known is None:
        if len(_CACHE) >= _MAX_CACHED:
            _CACHE.clear()
        known = _CACHE[written] = ToolOffer(digest=f"sha256:{sha256(_canonical(text)).hexdigest()}", names=_read(text))
    return known


def tools_not_offered(called: Collection[str], offers: Iterable[ToolOffer | None]) -> tuple[str, ...]:
    """Return the called tools that no request offered, sorted.

    None if a tool list is not readable.
    """
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
