"""Decode any JSON line and ask about its shape.

The values serve to recognize formats and to find keys; a run is never read from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=str)
"""Numbers with a point or an exponent stay text: 1e400 fits no float and must not fail the line."""


def any_json(line: bytes) -> Any:
    """Decode a line.

    Raises `msgspec.DecodeError`, `UnicodeDecodeError` and `RecursionError`.
    """
    return _DECODER.decode(line)


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; an empty list for any other value."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def messages_of(row: Any) -> list[dict[str, Any]]:
    """Return the objects under `messages`, or those of the list that the line is."""
    return objects(row.get("messages") if isinstance(row, dict) else row)


def parts_of(row: Any) -> Iterator[dict[str, Any]]:
    """Yield the content parts of all messages of a line."""
    for message in messages_of(row):
        yield from objects(message.get("content"))


def has_keys(row: Any, *keys: str) -> bool:
    """Whether a value is an object with all of these keys."""
    return isinstance(row, dict) and all(key in row for key in keys)


def value_at(row: Any, *path: str) -> Any:
    """Return the value at a path of keys, None if a key is missing."""
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def text_at(row: Any, *path: str) -> str:
    """Return the text at a path of keys, an empty one if there is none."""
    value = value_at(row, *path)
    return value if isinstance(value, str) else ""
