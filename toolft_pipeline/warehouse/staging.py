"""Staging folders, in which versions are built, and fsync of their files.

Invariant: a staging folder's name holds its host and process id, so that a folder whose process has ended is
distinguishable from one that is being written.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

_HOST = socket.gethostname()
_STAGED = re.compile(rf"{re.escape(_HOST)}-(\d+)-.*")


def staged_folder(parent: Path) -> Path:
    """Create an empty staging folder of this process."""
    return Path(tempfile.mkdtemp(prefix=f"{_HOST}-{os.getpid()}-", dir=parent))


def remove_stale_folders(parent: Path) -> None:
    """Remove staging folders that killed processes of this machine left."""
    for folder in parent.iterdir():
        owner = _STAGED.fullmatch(folder.name)
        if owner and not _alive(int(owner.group(1))):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below a folder, and the folder itself."""
    for path in folder.rglob("*"):
        fsync(path)
    fsync(folder)


def fsync(path: Path) -> None:
    """Flush one file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
