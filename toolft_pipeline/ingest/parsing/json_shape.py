"""Any JSON line as Python values, to look at its shape and never at its numbers."""

from __future__ import annotations

from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=str)
"""Numbers with a point or an exponent stay text: one that no float can hold (1e400) is no fault of the line."""


def any_json(line: bytes) -> Any:
    """The value. Raises `msgspec.DecodeError`, `UnicodeDecodeError` and `RecursionError`."""
    return _DECODER.decode(line)
