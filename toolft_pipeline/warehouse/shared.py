"""Folders that agents have in common: made once in a warehouse, hard links in each version that holds one.

Invariant: a folder is made while its key is locked, sealed with the digests of its files, and never written again. A
version owns its links, so that retention takes a version or the shared folder away and the other stays whole.
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
"""Folder below the warehouse's root; no agent can have its name."""

_CONTENT, _SEAL, _STAGING = "content", "seal.json", "staging"


def link_shared(root: Path, key: str, *, into: Path, make: Callable[[Path], None], fresh: bool = False) -> bool:
    """Put hard links of a shared folder's files into an empty folder; returns whether it had to be made.

    `make` fills a folder; it is called where there is none of this key that verifies, or where a `fresh` one is asked
    for. Whoever comes meanwhile waits. On a file system without hard links the files are copied.
    """
    folder = root / SHARED / key
    with locked(folder):
        made = fresh or not _whole(folder)
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
    """Shared folders whose files no version holds a link of."""
    return sorted(folder for folder in (root / SHARED).glob("*") if _unused(folder))


def remove_unused(folder: Path) -> None:
    """Give a shared folder's bytes back, unless a version has come to hold it."""
    with locked(folder):
        if _unused(folder):
            (folder / _SEAL).unlink(missing_ok=True)
            shutil.rmtree(folder / _CONTENT)


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    staging = folder / _STAGING
    for place in (staging, folder / _CONTENT):  # what a killed attempt left, and what no longer verifies
        shutil.rmtree(place, ignore_errors=True)
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


def _whole(folder: Path) -> bool:
    try:
        seal = msgspec.json.decode((folder / _SEAL).read_bytes(), type=dict[str, str])
        found = {path.relative_to(folder / _CONTENT).as_posix(): path for path in _files(folder / _CONTENT)}
        return seal.keys() == found.keys() and all(file_digest(found[name]) == seal[name] for name in seal)
    except (OSError, msgspec.DecodeError):
        return False


def _unused(folder: Path) -> bool:
    files = _files(folder / _CONTENT)
    return bool(files) and all(path.stat().st_nlink == 1 for path in files)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
