"""Read NaN and Infinity as null where no reader uses the value.

Python's json module writes them, although JSON has no such values.

Invariant: a constant becomes null only under keys that no reader uses. In a text, an argument, a result or a state null
means something else, so such a line stays rejected.
"""

from __future__ import annotations

import json
import re
from typing import Any

from toolft_pipeline.ingest.parsing.nested_json import is_too_deep

CONSTANTS_REASON = (
    "NaN or Infinity is not valid JSON, and it is in a part of the run that is read; log null, or use "
    "json.dumps(allow_nan=False)"
)

_OUTSIDE_STRINGS = re.compile(rb'("(?:[^"\\]|\\.)*+")|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_CONSTANTS = (b"NaN", b"Infinity")
_READ_KEYS = frozenset(
    {
        *("content", "arguments", "args", "input", "tool_calls", "function_call", "reasoning", "reasoning_content"),
        *("tools", "functions", "initial_state", "final_state", "outcome", "observation", "message", "parts"),
        *("response", "output", "inputs", "outputs", "choices", "completion"),
    }
)
"""Keys whose values some reader uses."""


def has_constant(line: bytes) -> bool:
    """Whether a line contains NaN or Infinity outside its strings."""
    return any(constant in line for constant in _CONSTANTS) and any(
        match.group(1) is None for match in _OUTSIDE_STRINGS.finditer(line)
    )


def replace_constants(line: bytes) -> bytes | None:
    """Replace NaN and Infinity by null.

    None if there is nothing to replace, or a reader uses one of them.
    """
    if not has_constant(line) or is_too_deep(line):
        return None
    try:
        row = json.loads(line, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return None
    if _is_read(row, under_read_key=False):
        return None
    return _OUTSIDE_STRINGS.sub(lambda match: match.group(1) or b"null", line)


class _Constant(str):
    """The name of a constant, in place of its value."""


def _is_read(value: Any, *, under_read_key: bool) -> bool:
    """Whether a value contains a constant that a reader uses."""
    if isinstance(value, _Constant):
        return under_read_key
    if isinstance(value, dict):
        return any(_is_read(inner, under_read_key=under_read_key or key in _READ_KEYS) for key, inner in value.items())
    return isinstance(value, list) and any(_is_read(inner, under_read_key=under_read_key) for inner in value)
