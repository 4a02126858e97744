"""A line at least every few seconds while one library call works in silence.

Invariant: the pulse only speaks; it touches nothing that the work touches, and it ends with the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SILENCE_SECONDS = 12.0


class Heartbeat:
    """Says lines, and repeats what is going on when nothing was said for a while."""

    def __init__(self, *, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = time.monotonic()
        self.doing = ""

    def say(self, line: str) -> None:
        """Say a line now."""
        self._said = time.monotonic()
        self._say(line)

    def beat(self, *, began: float) -> None:
        """Repeat what is going on, if the silence has lasted."""
        if self.doing and time.monotonic() - self._said >= SILENCE_SECONDS:
            self.say(f"{self.doing}, {time.monotonic() - began:.0f} s")


@contextmanager
def heartbeat(*, progress: Callable[[str], None]) -> Iterator[Heartbeat]:
    """A pulse for the length of a block. Set `doing` to what the block is at."""
    beating = Heartbeat(say=progress)
    over = threading.Event()
    began = time.monotonic()

    def run() -> None:
        while not over.wait(1.0):
            beating.beat(began=began)

    thread = threading.Thread(target=run, name="pulse", daemon=True)
    thread.start()
    try:
        yield beating
    finally:
        over.set()
        thread.join()
