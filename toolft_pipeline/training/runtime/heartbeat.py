"""Log a line at least every few seconds while one library call runs silently.

Invariant: the heartbeat only logs; it shares no state with the work, and it ends with the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENCE_SECONDS = 12.0


class Heartbeat:
    """Logs lines, and repeats the current activity when nothing was logged for a while."""

    def __init__(self, *, log: Callable[[str], None]) -> None:
        self._log = log
        self._logged_at = time.monotonic()
        self.activity = ""
        """What is going on; empty logs nothing."""

    def log(self, line: str) -> None:
        """Log a line now."""
        self._logged_at = time.monotonic()
        self._log(line)

    def beat(self, *, began: float) -> None:
        """Repeat the current activity if nothing was logged for `SILENCE_SECONDS`."""
        if self.activity and time.monotonic() - self._logged_at >= SILENCE_SECONDS:
            self.log(f"{self.activity}, {time.monotonic() - began:.0f} s")


@contextmanager
def heartbeat(*, progress: Callable[[str], None]) -> Iterator[Heartbeat]:
    """A heartbeat for the length of a block; set its `activity` as the block proceeds."""
    beating = Heartbeat(log=progress)
    over = threading.Event()
    began = time.monotonic()

    def run() -> None:
        while not over.wait(1.0):
            beating.beat(began=began)

    thread = threading.Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield beating
    finally:
        over.set()
        thread.join()
