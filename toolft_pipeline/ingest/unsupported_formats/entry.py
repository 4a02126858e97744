"""One well-known format that no reader takes, and small questions about a decoded line that its recogniser asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class UnsupportedFormat:
    """A format by name, and what to do with a log that is written in it; both are shown to a person.

    `row` recognises a decoded JSON line, `text` the bytes of a line that is not JSON. A recogniser must be certain: it
    replaces the reader's own reason.
    """

    name: str
    advice: str
    row: Callable[[Any], bool] = _never
    text: Callable[[bytes], bool] = _never


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def messages_of(row: Any) -> list[dict[str, Any]]:
    """The objects under `messages`, or of the list that the line is."""
    return objects(row.get("messages") if isinstance(row, dict) else row)


def parts_of(row: Any) -> Iterator[dict[str, Any]]:
    """The objects in the contents of a line's messages."""
    for message in messages_of(row):
        yield from objects(message.get("content"))


def has(row: Any, *keys: str) -> bool:
    """Whether a line is an object with all of these keys."""
    return isinstance(row, dict) and all(key in row for key in keys)


def field(row: Any, *path: str) -> Any:
    """The value at a path of keys, None where there is none."""
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def text_field(row: Any, *path: str) -> str:
    """The text at a path of keys, empty where there is none."""
    value = field(row, *path)
    return value if isinstance(value, str) else ""
