"""Folders that agents share: built once in a warehouse, then hard-linked into each version that uses one.

Invariant: a folder is built while its key is locked, sealed with the digests of its files, and never written again. A
version owns its links, so that removing the version or the shared folder leaves the other whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.staging import fsync_tree

SHARED = ".shared"
"""Folder below the warehouse's root; no agent can have this name."""

_CONTENT, _SEAL, _STAGING = "content", "seal.json", "staging"


def link_shared(root: Path, key: str, *, into: Path, make: Callable[[Path], None], fresh: bool = False) -> bool:
    """Hard-link a shared folder's files into an empty folder; return whether the shared folder had to be built.

    `make` fills a folder. It is called if the key has no folder whose digests match, or if `fresh` is set; other
    processes wait meanwhile. On a file system without hard links the files are copied.
    """
    folder = root / SHARED / key
    with locked(folder):
        made = fresh or not _is_intact(folder)
        if made:
            _make(folder, make)
        for path in _files(folder / _CONTENT):
            target = into / path.relative_to(folder / _CONTENT)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except OSError:
                shutil.copyfile(path, target)
    return made


def unused_shared(root: Path) -> list[Path]:
    """Shared folders that no version links to."""
    return sorted(folder for folder in (root / SHARED).glob("*") if _unused(folder))


def remove_unused(folder: Path) -> None:
    """Delete a shared folder, unless a version links to it by now."""
    with locked(folder):
        if _unused(folder):
            (folder / _SEAL).unlink(missing_ok=True)
            shutil.rmtree(folder / _CONTENT)


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    staging = folder / _STAGING
    for stale in (staging, folder / _CONTENT):  # of a killed attempt, or with digests that do not match
        shutil.rmtree(stale, ignore_errors=True)
    (folder / _SEAL).unlink(missing_ok=True)
    staging.mkdir()
    try:
        make(staging)
        seal = {path.relative_to(staging).as_posix(): file_digest(path) for path in _files(staging)}
        fsync_tree(staging)
        staging.rename(folder / _CONTENT)
        (folder / _SEAL).write_bytes(msgspec.json.encode(seal))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_intact(folder: Path) -> bool:
    try:
        seal = msgspec.json.decode((folder / _SEAL).read_bytes(), type=dict[str, str])
        files = {path.relative_to(folder / _CONTENT).as_posix(): path for path in _files(folder / _CONTENT)}
        return seal.keys() == files.keys() and all(file_digest(files[name]) == seal[name] for name in seal)
    except (OSError, msgspec.DecodeError):
        return False


def _unused(folder: Path) -> bool:
    files = _files(folder / _CONTENT)
    return bool(files) and all(path.stat().st_nlink == 1 for path in files)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
