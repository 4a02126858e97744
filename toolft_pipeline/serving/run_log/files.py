"""Files that are whole or not there: written beside their place, flushed, and put in place by one rename.

Invariant: whatever happens (kill -9, a full disk, a power failure), a reader sees the content before or the content
after. Only the owner can read the files: they hold what users wrote.
"""

from __future__ import annotations

import os
from pathlib import Path

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700


def write_whole(path: Path, data: bytes, *, staging: Path) -> None:
    """Put `data` in place of a file; `staging` is a folder on the same file system. Raises `OSError`."""
    staged = staging / f"{path.name}.tmp"
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
