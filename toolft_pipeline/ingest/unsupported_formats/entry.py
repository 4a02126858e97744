"""The declaration of one well-known format that no reader supports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _never(_: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class UnsupportedFormat:
    """A format and what to do with a log in it; users read both `name` and `advice`.

    `row` recognizes a decoded JSON line, `text` the bytes of a line that is not JSON. A recognizer must be certain,
    because its message replaces the reader's.
    """

    name: str
    advice: str
    row: Callable[[Any], bool] = _never
    text: Callable[[bytes], bool] = _never
