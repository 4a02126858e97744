"""Tool calls as values: equality and similarity.

Invariant: equality is equality as JSON. Key order and the spelling of numbers (2, 2.0) do not matter, types do (true is
not 1), and an explicit default differs from an omitted one: only a backend can tell that they mean the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

from toolft_pipeline.chat.rendering.parsing import ParsedCall


class CanonicalCall(Struct, frozen=True, kw_only=True, order=True):
    """A call with its arguments as canonical JSON text; calls sort and hash."""

    name: str
    arguments: str


def canonical_call(name: str, arguments: Any) -> CanonicalCall:
    """Make a call from decoded arguments."""
    text = json.dumps(_plain(arguments), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return CanonicalCall(name=name, arguments=text)


def canonical_calls(parsed: Iterable[ParsedCall]) -> tuple[CanonicalCall, ...]:
    """The calls of a parsed turn, in order."""
    return tuple(canonical_call(call.name, json.loads(call.arguments_json)) for call in parsed)


def calls_of_message(message: dict[str, Any]) -> tuple[CanonicalCall, ...]:
    """The calls of an OpenAI assistant message, in order; arguments that are not JSON stay text."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return tuple(canonical_call(function["name"], _decoded(function["arguments"])) for function in functions)


def similarity(ours: Sequence[CanonicalCall], theirs: Sequence[CanonicalCall]) -> float:
    """Similarity of the least similar pair of calls, 0 to 1; 0 if the names differ as multisets.

    Calls are paired by name in sorted order; the similarity is difflib's ratio over the canonical texts
    (Ratcliff and Metzener 1988).
    """
    pairs = list(zip(sorted(ours), sorted(theirs), strict=False))
    if len(ours) != len(theirs) or any(a.name != b.name for a, b in pairs):
        return 0.0
    ratios = [SequenceMatcher(None, a.arguments, b.arguments, autojunk=False).ratio() for a, b in pairs]
    return min(ratios, default=1.0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decoded(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
