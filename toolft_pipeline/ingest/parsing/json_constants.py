"""NaN and Infinity, which Python's json module writes although JSON has no such values.

Invariant: a constant is read as null only where no reader looks at what it would change; in a text, an argument, a
result or a state the line stays refused, since null says something else there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from toolft_pipeline.ingest.parsing.nested_json import is_too_deep

CONSTANTS_REASON = (
    "NaN or Infinity is no JSON value, and it stands where the run is read; log null, or json.dumps(allow_nan=False)"
)

_OUTSIDE_STRINGS = re.compile(rb'("(?:[^"\\]|\\.)*+")|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_MENTIONS = (b"NaN", b"Infinity")
_READ = frozenset(
    {
        *("content", "arguments", "args", "input", "tool_calls", "function_call", "reasoning", "reasoning_content"),
        *("tools", "functions", "initial_state", "final_state", "outcome", "observation", "message", "parts"),
        *("response", "output", "inputs", "outputs", "choices", "completion"),
    }
)
"""Keys below which a value is read, in any of the formats."""


def has_constant(line: bytes) -> bool:
    """Whether NaN or Infinity stands in a line outside its texts."""
    return any(mention in line for mention in _MENTIONS) and any(
        found.group(1) is None for found in _OUTSIDE_STRINGS.finditer(line)
    )


def replace_constants(line: bytes) -> bytes | None:
    """The line with null for each NaN and Infinity; None where it has none, or one that would change what is read."""
    if not has_constant(line) or is_too_deep(line):
        return None
    try:
        row = json.loads(line, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return None
    if _changes_what_is_read(row, read=False):
        return None
    return _OUTSIDE_STRINGS.sub(lambda found: found.group(1) or b"null", line)


class _Constant(str):
    """The name of a constant, where a value stands."""


def _changes_what_is_read(value: Any, *, read: bool) -> bool:
    if isinstance(value, _Constant):
        return read
    if isinstance(value, dict):
        return any(_changes_what_is_read(inner, read=read or key in _READ) for key, inner in value.items())
    return isinstance(value, list) and any(_changes_what_is_read(inner, read=read) for inner in value)
