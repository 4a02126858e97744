"""Digests of values and files.

Invariant: equal values have equal digests on every machine, so a value without one canonical JSON form (a path, a
set, NaN, a dictionary with keys that are not text) is refused instead of being turned into text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NewType, TypeAlias

from toolft_pipeline.errors import FixableError

Digest = NewType("Digest", str)
"""sha256 in lower-case hexadecimal, 64 characters."""

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
else:
    Json = object  # msgspec resolves annotations at run time and has no recursive aliases


class NotCanonicalError(FixableError, TypeError):
    """A value has no canonical form, so nothing can be keyed by it."""


def canonical_json(value: Json) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, UTF-8. Raises `NotCanonicalError`."""
    _refuse(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Json) -> Digest:
    """sha256 of the canonical JSON."""
    return Digest(hashlib.sha256(canonical_json(value)).hexdigest())


def file_digest(path: Path) -> Digest:
    """sha256 of a file's bytes, streamed."""
    with path.open("rb") as stream:
        return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


_PLAIN = frozenset({str, int, bool, type(None)})
"""Most of what a value holds; asked before a place is spelled out, which costs as much as all the rest."""


def _refuse(value: object, place: str) -> None:
    if value is None or isinstance(value, bool | int | str):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotCanonicalError(f"{place}: {value} has no canonical form; use null or a finite number")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if type(item) not in _PLAIN:
                _refuse(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonicalError(f"{place}: key {key!r} is not text; convert it where it is made")
            if type(item) not in _PLAIN:
                _refuse(item, f"{place}.{key}")
    else:
        kind = type(value).__name__
        raise NotCanonicalError(f"{place}: a {kind} has no canonical form; pass what identifies it, as text or numbers")
