"""Digests of values and files.

Invariant: equal values have equal digests on every machine, so a value without one canonical JSON form (a path, a
set, NaN, a dictionary with keys that are not strings) is refused instead of being converted.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
    """A value has no canonical form and cannot be a key."""


def canonical_json(value: Json) -> bytes:
    """Canonical JSON of a value: keys sorted, no spaces, UTF-8. Raises `NotCanonicalError`."""
    _check(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Json) -> Digest:
    """sha256 of the canonical JSON."""
    return Digest(hashlib.sha256(canonical_json(value)).hexdigest())


def file_digest(path: Path) -> Digest:
    """sha256 of a file's bytes, streamed."""
    with path.open("rb") as stream:
        return Digest(hashlib.file_digest(stream, "sha256").hexdigest())


_SETTLED_NS = 2_000_000_000
"""A file that changed less than two seconds ago is not remembered: file systems tick in 4 ms (ext4) to 2 s, and a
second change within the same tick would leave no trace (git treats its index the same way)."""


def remembered_file_digest(path: Path) -> Digest:
    """sha256 of a file's bytes, computed once in a process as long as the file is untouched.

    Untouched means the same inode, size, and times of change. The time of the last status change is among them, which
    no program can set: an edit that restores the modification time (`touch -r`, `rsync -t`) is noticed. Bytes that rot
    on the disk after they were read are not; `toolft lineage` reads every file again.
    """
    stat = path.stat()
    if time.time_ns() - stat.st_ctime_ns < _SETTLED_NS:
        return file_digest(path)
    return _known_digest(path, (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=4096)
def _known_digest(path: Path, _identity: tuple[int, ...]) -> Digest:
    return file_digest(path)


_PLAIN = frozenset({str, int, bool, type(None)})
"""Types that need no check; tested first, because building the path costs as much as all other work."""


def _check(value: object, path: str) -> None:
    if value is None or isinstance(value, bool | int | str):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotCanonicalError(f"{path}: {value} has no canonical form; use null or a finite number")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if type(item) not in _PLAIN:
                _check(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonicalError(f"{path}: key {key!r} is not a string; convert it where the value is built")
            if type(item) not in _PLAIN:
                _check(item, f"{path}.{key}")
    else:
        kind = type(value).__name__
        raise NotCanonicalError(f"{path}: a {kind} has no canonical form; pass its identity as strings or numbers")
