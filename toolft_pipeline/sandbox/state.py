"""Canonical text of states and results, for comparison.

Invariant: texts of the same JSON, up to the values of volatile keys, have the same canonical text, and canonicalizing
twice changes nothing. States are therefore equal if their digests are, in logs, verification and rollouts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from toolft_pipeline.errors import FixableError


class StateTextError(FixableError, ValueError):
    """A state that is not JSON text."""


def canonical_state(text: str, *, volatile: Collection[str]) -> str:
    """Canonical JSON of a state: keys sorted, no spaces, values of volatile keys replaced by null.

    Numbers keep their type (1 and 1.0 differ). Raises `StateTextError` for text that is not JSON.
    """
    try:
        return _canonical(text, volatile)
    except (ValueError, RecursionError) as error:
        shown = text if len(text) <= 80 else text[:77] + "..."
        raise StateTextError(f"not JSON text: {shown!r} ({error})") from error


def state_digest(canonical: str) -> str:
    """Digest of a canonical state, as in log lines and tasks."""
    return "sha256:" + hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def canonical_result(text: str, volatile: Collection[str]) -> str:
    """A tool result as text to compare: canonical JSON of an object or a list, any other text unchanged."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return _canonical(text, volatile)
    except (ValueError, RecursionError):
        return text


def _canonical(text: str, volatile: Collection[str]) -> str:
    value = json.loads(text, parse_constant=_refuse_constant)
    masked = _masked(value, frozenset(volatile)) if volatile else value
    return json.dumps(masked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _masked(value: Any, volatile: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: None if key in volatile else _masked(inner, volatile) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, volatile) for inner in value]
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
