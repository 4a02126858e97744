"""Garbage collection: move versions and folders to the trash by one rename, then delete them there.

Invariant: a reader sees a version whole or not at all, even if garbage collection is killed. A version's folder, or
the content folder that is reclaimed, moves by one rename while its artifact is locked, and only if it is not current
at that time. What a killed run left in the trash, the next one deletes.
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

TRASH = ".removed"
"""Folder below an agent's for what is about to be deleted; no asset can have this name."""

RECLAIMED = "reclaimed"
"""Folder of an artifact for the records of versions whose content was removed."""

_NOT_VERSIONS = frozenset({"scratch", "damaged"})
"""Folders of an artifact that hold no versions."""


class _Reclaimed(msgspec.Struct, frozen=True, kw_only=True):
    """Record of the manifest whose content was removed."""

    manifest_sha256: str


def remove_version(warehouse: Warehouse, version: Version) -> bool:
    """Remove a version; return False if it has become the current one since it was chosen."""
    address = version.manifest.address
    folder = address.folder(warehouse.root)
    with locked(folder):
        pointer = latest_pointer(folder)
        if pointer is not None and pointer.version == version.folder.name:
            return False
        _move_to_trash(warehouse, address.agent, version.folder)
    return True


def reclaim_content(warehouse: Warehouse, version: Version, *, needed: Callable[[], bool] = lambda: False) -> bool:
    """Remove a version's content but keep its manifest and its other files; return False if it is `needed`.

    `needed` is called while the artifact is locked. The content must be one folder, so that one rename removes it.
    """
    address = version.manifest.address
    names = {Path(entry.path).parts[0] for entry in version.manifest.files if entry.content}
    if len(names) != 1 or not version.file(next(iter(names))).is_dir():
        raise ValueError(f"{version.folder}: its content must be one folder, but it is ({', '.join(sorted(names))})")
    folder = address.folder(warehouse.root)
    with locked(folder):
        if needed():
            return False
        record = folder / RECLAIMED / f"{version.folder.name}.json"
        record.parent.mkdir(exist_ok=True)
        record.write_bytes(msgspec.json.encode(_Reclaimed(manifest_sha256=file_digest(version.file(MANIFEST)))))
        _move_to_trash(warehouse, address.agent, version.file(names.pop()))
    return True


def is_reclaimed(version: Version) -> bool:
    """Whether retention removed the content: a record names this manifest, and no content file exists.

    A version that was rebuilt since has another manifest, and its content may not be missing.
    """
    record = version.folder.parent.parent / RECLAIMED / f"{version.folder.name}.json"
    if any((version.folder / entry.path).exists() for entry in version.manifest.files if entry.content):
        return False
    try:
        reclaimed = msgspec.json.decode(record.read_bytes(), type=_Reclaimed)
    except (OSError, msgspec.DecodeError):
        return False
    return reclaimed.manifest_sha256 == file_digest(version.file(MANIFEST))


def empty_trash(warehouse: Warehouse, agent: str) -> None:
    """Delete what this run removed, and what a killed run left in the trash."""
    shutil.rmtree(warehouse.root / agent / TRASH, ignore_errors=True)


def leftovers(warehouse: Warehouse, agent: str, *, before: datetime) -> list[Path]:
    """Checkpoints of abandoned attempts and damaged versions that were not modified since `before`."""
    parents = (warehouse.root / agent).glob("[!.]*/*/*")
    folders = (each for parent in parents if parent.name in _NOT_VERSIONS for each in parent.iterdir() if each.is_dir())
    return sorted(folder for folder in folders if _last_modified(folder) < before)


def remove_folder(warehouse: Warehouse, agent: str, folder: Path) -> None:
    """Remove a folder that is not a version: an abandoned attempt, or a damaged version."""
    _move_to_trash(warehouse, agent, folder)


def _last_modified(folder: Path) -> datetime:
    newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    return datetime.fromtimestamp(newest, UTC)


def _move_to_trash(warehouse: Warehouse, agent: str, folder: Path) -> None:
    trash = warehouse.root / agent / TRASH
    trash.mkdir(exist_ok=True)
    folder.rename(Path(tempfile.mkdtemp(dir=trash)) / folder.name)
