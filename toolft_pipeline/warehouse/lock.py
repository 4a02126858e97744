"""One lock per artifact: publishing, pointing to and removing its versions exclude each other.

Invariant: the lock is the kernel's (`flock` on an open file), so that it is released when its holder ends, however it
ends. Readers need no lock: a version is removed by one rename, and the current version is never removed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder inside the `with` block; waits while another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
