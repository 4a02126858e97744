"""Models that could not be loaded, and when the next attempt is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_PAUSE_S = 300.0
"""Most seconds between two attempts: whoever fixes a model should not wait longer."""


@dataclass(frozen=True, kw_only=True)
class LoadFailure:
    """The last failed attempt at one model; `next_at` is a time of the clock."""

    digest: str
    error: str
    attempts: int
    next_at: float


class LoadFailures:
    """The failed attempts of one arm. Only the last model counts: another one is tried at once."""

    def __init__(self, *, first_pause_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._first_pause_s = first_pause_s
        self._now = now
        self.last: LoadFailure | None = None

    def may_try(self, digest: str) -> bool:
        """Whether an attempt at this model is due."""
        return self.last is None or self.last.digest != digest or self._now() >= self.last.next_at

    def add(self, digest: str, error: str) -> LoadFailure:
        """Record a failed attempt; the pause doubles with each."""
        attempts = 1 if self.last is None or self.last.digest != digest else self.last.attempts + 1
        pause_s = min(LONGEST_PAUSE_S, self._first_pause_s * 2 ** min(attempts, 32))
        self.last = LoadFailure(digest=digest, error=error, attempts=attempts, next_at=self._now() + pause_s)
        return self.last

    def clear(self) -> None:
        """Forget the failure: its model is loaded, or no longer wanted."""
        self.last = None
