"""Digests of messages and histories that survive a client's framework.

Invariant: two messages have one digest if an agent would mean the same by them. Frameworks write arguments again with
other spaces and another order of keys, drop nulls, turn 1.0 into 1, send no content for an empty one and give calls
other ids; none of that changes a digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

_SIZE = 16
"""Bytes of a digest: 2^64 histories before a collision is likely."""


def message_digest(message: dict[str, Any]) -> bytes:
    """Digest of one message: role, text, and its calls without their ids."""
    role = "system" if message.get("role") == "developer" else message.get("role")
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    return _digest(
        json.dumps([role, _text(message.get("content")), calls], ensure_ascii=False).encode("utf-8", "replace")
    )


def history_digests(messages: Iterable[dict[str, Any]]) -> list[bytes]:
    """Digests of all beginnings of a history: that of the first message, of the first two, and so on."""
    digests, before = [], b""
    for message in messages:
        before = _digest(before + message_digest(message))
        digests.append(before)
    return digests


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SIZE).digest()


def _text(content: Any) -> str:
    if isinstance(content, list):
        content = "".join(_part(part) for part in content)
    return content.strip() if isinstance(content, str) else "" if content is None else _canonical(content)


def _part(part: Any) -> str:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    return part if isinstance(part, str) else _canonical(part)


def _call(call: dict[str, Any]) -> list[str]:
    function = call.get("function") or {}
    return [str(function.get("name")), _arguments(function.get("arguments"))]


def _arguments(arguments: Any) -> str:
    if not isinstance(arguments, str):
        return _canonical(arguments or {})
    try:
        return _canonical(json.loads(arguments or "{}") or {})
    except (ValueError, RecursionError):
        return arguments.strip()


def _canonical(value: Any) -> str:
    return json.dumps(_without_nulls(value), ensure_ascii=False, sort_keys=True, default=str)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
