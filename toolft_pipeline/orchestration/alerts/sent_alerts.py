"""What the alert sensor remembers between two looks, as its cursor.

Invariant: one cause is told once a day for each day of data that it holds up, however often it is tried meanwhile. What
could not be sent is not remembered, so the next looks try again for as long as `OVERLAP_S`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

OVERLAP_S = 900.0
"""How far a look goes back before the last one."""
FIRST_LOOK_S = 3600.0
"""How far the very first look goes back."""
REMINDER_S = 24 * 3600.0
"""After so long a cause that is still there is told again."""


@dataclass
class SentAlerts:
    """`since` is the Unix time of the last look; `runs` maps handled runs to when, `told` causes to when and days."""

    since: float
    runs: dict[str, float] = field(default_factory=dict)
    told: dict[str, tuple[float, list[str]]] = field(default_factory=dict)

    def new_days(self, cause: str, days: Iterable[str]) -> tuple[str, ...] | None:
        """The days of a cause that were not told yet; None where nothing of it is new."""
        before = self.told.get(cause)
        if before is None:
            return tuple(sorted(days))
        fresh = tuple(sorted(set(days) - set(before[1])))
        return fresh or None

    def remember(self, cause: str, days: Iterable[str], *, now: float) -> None:
        """Note that a cause was told."""
        at, before = self.told.get(cause, (now, []))
        self.told[cause] = (at, sorted({*before, *days}))

    def forget(self, *, now: float, late: Iterable[str]) -> None:
        """Drop what is old, and the late assets (causes that begin with `late:`) that are in time again."""
        still = set(late)
        self.runs = {run: at for run, at in self.runs.items() if at > now - 2 * OVERLAP_S}
        self.told = {
            cause: (at, days)
            for cause, (at, days) in self.told.items()
            if at > now - REMINDER_S and (cause in still or not cause.startswith("late:"))
        }

    @property
    def cursor(self) -> str:
        """As Dagster keeps it."""
        return json.dumps({"since": self.since, "runs": self.runs, "told": self.told})


def read_sent_alerts(cursor: str | None, *, now: float) -> SentAlerts:
    """The memory that a cursor holds; the very first one, or one of another form, begins a short while ago."""
    try:
        found = json.loads(cursor or "")
        told = {str(cause): (float(at), [*map(str, days)]) for cause, (at, days) in found["told"].items()}
        return SentAlerts(since=float(found["since"]), runs=dict(found["runs"]), told=told)
    except (ValueError, KeyError, TypeError, AttributeError):
        return SentAlerts(since=now - FIRST_LOOK_S + OVERLAP_S)
