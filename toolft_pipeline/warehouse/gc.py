"""What leaves the warehouse: set aside by one rename, and deleted where nobody looks.

Invariant: a reader finds a version whole or not at all, however and whenever a removal is killed. A version's folder,
or the one folder of its content that is reclaimed, goes aside by one rename while its address is locked, and only after
a look that it is not in force by now; what lies aside is deleted by this removal or the next.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.manifest import MANIFEST
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Version, Warehouse

ASIDE = ".removed"
"""Folder below an agent's for what is about to be deleted; no asset can have its name."""

RECLAIMED = "reclaimed"
"""Folder of an address for the records of versions whose content was taken away."""

_LEFT = frozenset({"scratch", "damaged"})
"""Folders of an address for what is no version."""


class _Reclaimed(msgspec.Struct, frozen=True, kw_only=True):
    """Of which manifest the content was taken away."""

    manifest_sha256: str


def remove_version(warehouse: Warehouse, version: Version) -> bool:
    """Take a version away; False where it has come into force since it was chosen."""
    address = version.manifest.address
    folder = address.folder(warehouse.root)
    with locked(folder):
        pointer = latest_pointer(folder)
        if pointer is not None and pointer.version == version.folder.name:
            return False
        _set_aside(warehouse, address.agent, version.folder)
    return True


def reclaim_content(warehouse: Warehouse, version: Version, *, needed: Callable[[], bool] = lambda: False) -> bool:
    """Take a version's content away and leave its manifest and what lies beside the content; False where it is
    `needed`, which is asked while nobody else can touch the version.

    The content must lie in one folder, because one rename takes it away.
    """
    address = version.manifest.address
    names = {Path(entry.path).parts[0] for entry in version.manifest.files if entry.content}
    if len(names) != 1 or not version.file(next(iter(names))).is_dir():
        raise ValueError(f"{version.folder}: its content is not one folder ({', '.join(sorted(names))})")
    folder = address.folder(warehouse.root)
    with locked(folder):
        if needed():
            return False
        record = folder / RECLAIMED / f"{version.folder.name}.json"
        record.parent.mkdir(exist_ok=True)
        record.write_bytes(msgspec.json.encode(_Reclaimed(manifest_sha256=file_digest(version.file(MANIFEST)))))
        _set_aside(warehouse, address.agent, version.file(names.pop()))
    return True


def is_reclaimed(version: Version) -> bool:
    """Whether retention took the content away: a record of this very manifest says so, and nothing of it is there.

    A version that was made again since has another manifest, and its content may not be missing.
    """
    record = version.folder.parent.parent / RECLAIMED / f"{version.folder.name}.json"
    if any((version.folder / entry.path).exists() for entry in version.manifest.files if entry.content):
        return False
    try:
        found = msgspec.json.decode(record.read_bytes(), type=_Reclaimed)
    except (OSError, msgspec.DecodeError):
        return False
    return found.manifest_sha256 == file_digest(version.file(MANIFEST))


def empty_trash(warehouse: Warehouse, agent: str) -> None:
    """Give the bytes back: of what was taken away now, and of what a killed removal left."""
    shutil.rmtree(warehouse.root / agent / ASIDE, ignore_errors=True)


def leftovers(warehouse: Warehouse, agent: str, *, before: datetime) -> list[Path]:
    """Checkpoints of attempts that nobody took up again, and damaged versions set aside, untouched since then."""
    places = (warehouse.root / agent).glob("[!.]*/*/*")
    folders = (each for place in places if place.name in _LEFT for each in place.iterdir() if each.is_dir())
    return sorted(folder for folder in folders if _touched(folder) < before)


def remove_folder(warehouse: Warehouse, agent: str, folder: Path) -> None:
    """Take away a folder that is no version: an abandoned attempt, or a damaged version that was set aside."""
    _set_aside(warehouse, agent, folder)


def _touched(folder: Path) -> datetime:
    newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    return datetime.fromtimestamp(newest, UTC)


def _set_aside(warehouse: Warehouse, agent: str, folder: Path) -> None:
    aside = warehouse.root / agent / ASIDE
    aside.mkdir(exist_ok=True)
    folder.rename(Path(tempfile.mkdtemp(dir=aside)) / folder.name)
