"""One lock an address: publishing, putting in force and removing its versions exclude each other.

Invariant: the lock is the kernel's, on an open file, so that it is given back when its holder ends, however it ends.
Readers take none: what is removed leaves by one rename, and what is in force is never removed.
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
    """Hold an address (its folder) for as long as the block lasts; waits for whoever holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
