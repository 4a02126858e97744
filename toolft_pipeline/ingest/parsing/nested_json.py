"""How deeply a JSON text is nested, found without parsing it.

Invariant: a text that passes the cap can be handed to any JSON parser without exhausting its stack. Costs a few
passes in C over the text: about 10 microseconds for a 4 KB line.
"""

from __future__ import annotations

MAX_NESTING = 64
"""Deeper than any log of tool calls (a row with nested arguments has about 10 levels)."""

_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"[]", b"{}")


def is_too_deep(text: bytes, *, cap: int = MAX_NESTING) -> bool:
    """Whether the brackets of a JSON text, strings left out, nest deeper than `cap`.

    A text that is not JSON passes only if it is as shallow: at most `cap` brackets are open at any place of it.
    """
    if text.count(b"[") + text.count(b"{") <= cap:
        return False
    pieces = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    outside = pieces[::2] if len(pieces) % 2 else [*pieces[::2], pieces[-1]]  # what follows a lone quote counts too
    brackets = b"".join(outside).translate(_ONE_KIND, _NOT_STRUCTURE)
    for _ in range(cap):
        outer = brackets.replace(b"{}", b"")  # one level of pairs at a time, innermost first
        if len(outer) == len(brackets):
            break
        brackets = outer
    return b"{}" in brackets or brackets.count(b"{") > cap
