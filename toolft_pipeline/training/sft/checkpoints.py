"""Sealed checkpoints, which survive a kill at any moment.

Invariant: a checkpoint without a valid seal is ignored. Trainer writes a checkpoint's files in place and finds it by
the folder's name, so a kill can leave a folder that looks complete. The seal lists every file with size and sha256, is
written last and published by one rename, and is verified before training resumes.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from toolft_pipeline.warehouse.digest import file_digest

SEAL = "seal.json"


def seal(checkpoint: Path) -> None:
    """Fsync every file of a checkpoint, then publish the list of them by one rename."""
    files = {}
    for path in sorted(each for each in checkpoint.rglob("*") if each.is_file() and each.name != SEAL):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(checkpoint).as_posix()] = [path.stat().st_size, file_digest(path)]
    staged = checkpoint / f"{SEAL}.part"
    with staged.open("w", encoding="utf-8") as stream:
        json.dump(files, stream)
        stream.flush()
        os.fsync(stream.fileno())
    _sync_folder(checkpoint)
    staged.rename(checkpoint / SEAL)
    _sync_folder(checkpoint)
    _sync_folder(checkpoint.parent)


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint with a valid seal; newer ones without are removed."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        if sealed(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def sealed(checkpoint: Path) -> bool:
    """Whether every file that the seal lists exists with its size and digest."""
    try:
        files = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(
        (path := checkpoint / name).is_file() and path.stat().st_size == size and file_digest(path) == digest
        for name, (size, digest) in files.items()
    )


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
