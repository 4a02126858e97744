"""Numbered pointer records: which version is current, with its history.

Invariant: a record is created only if absent and never changed, so exactly one of two writers of a number wins and
the other retries. The same commit works on a disk and on an object store (obstore's `put(mode="create")`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from toolft_pipeline.errors import FixableError

_DIGITS = 8
_TRIES = 100


class Pointer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One move of the pointer; `created_at` is ISO 8601 in UTC, `kind` tells moves of different kinds apart.

    `manifest_sha256` covers what no other digest does: the version's counts, figures and times.
    """

    number: int
    version: str
    content_digest: str
    created_at: str
    kind: str = ""
    manifest_sha256: str = ""


class PointerMovedError(FixableError, RuntimeError):
    """Another writer moved the pointer first; read it again and decide again."""


def latest_pointer(folder: Path) -> Pointer | None:
    """The current pointer, or None. `folder` is the artifact's folder."""
    history = pointer_files(folder)
    return _read(history[-1]) if history else None


def pointer_history(folder: Path) -> list[Pointer]:
    """All moves, oldest first."""
    return [_read(path) for path in pointer_files(folder)]


def pointer_files(folder: Path) -> list[Path]:
    """Files of the records, in order of their numbers."""
    return sorted(folder.glob(f"pointers/{'[0-9]' * _DIGITS}.json"))


def append_pointer(folder: Path, *, version: str, content_digest: str, manifest_sha256: str) -> Pointer:
    """Add the next record; retry if another writer took its number."""
    for _ in range(_TRIES):
        latest = latest_pointer(folder)
        after = 0 if latest is None else latest.number
        try:
            return move_pointer(
                folder,
                after=after,
                version=version,
                content_digest=content_digest,
                manifest_sha256=manifest_sha256,
            )
        except PointerMovedError:
            continue
    raise RuntimeError(f"{folder}: {_TRIES} other writers moved the pointer first; stop the process that loops")


def move_pointer(
    folder: Path, *, after: int, version: str, content_digest: str, kind: str = "", manifest_sha256: str = ""
) -> Pointer:
    """Add the record after number `after` (0: the first) or none, for a move that depends on what the pointer named.

    Raises `PointerMovedError` if another writer added that record first.
    """
    pointer = Pointer(
        number=after + 1,
        version=version,
        content_digest=content_digest,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=kind,
        manifest_sha256=manifest_sha256,
    )
    name = f"pointers/{pointer.number:0{_DIGITS}d}.json"
    try:
        LocalStore(folder, mkdir=True).put(name, msgspec.json.encode(pointer), mode="create")
    except AlreadyExistsError as error:
        raise PointerMovedError(f"{folder}: record {pointer.number} exists already; read the pointer again") from error
    return pointer


def _read(path: Path) -> Pointer:
    return msgspec.json.decode(path.read_bytes(), type=Pointer)
