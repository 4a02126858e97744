"""The alerts that were sent, kept in the alert sensor's cursor.

Invariant: a cause is reported once a day for each day of data that it affects, however often the run is retried. An
alert that could not be sent is not recorded, so the next ticks send it again for `OVERLAP_S`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

OVERLAP_S = 900.0
"""Seconds before the last tick that a tick looks at again."""
FIRST_LOOK_S = 3600.0
"""Seconds that the first tick looks back."""
REMINDER_S = 24 * 3600.0
"""Seconds after which a cause that still holds is reported again."""


@dataclass
class SentAlerts:
    """`since`: Unix time of the last tick; `runs`: time by handled run; `reported`: time and days by reported cause."""

    since: float
    runs: dict[str, float] = field(default_factory=dict)
    reported: dict[str, tuple[float, list[str]]] = field(default_factory=dict)

    def new_days(self, cause: str, days: Iterable[str]) -> tuple[str, ...] | None:
        """The days of a cause that were not reported yet; None if nothing is new."""
        before = self.reported.get(cause)
        if before is None:
            return tuple(sorted(days))
        fresh = tuple(sorted(set(days) - set(before[1])))
        return fresh or None

    def remember(self, cause: str, days: Iterable[str], *, now: float) -> None:
        """Record that a cause was reported."""
        at, before = self.reported.get(cause, (now, []))
        self.reported[cause] = (at, sorted({*before, *days}))

    def forget(self, *, now: float, late: Iterable[str]) -> None:
        """Drop old entries, and late assets (causes `late:...`) that are no longer late."""
        still_late = set(late)
        self.runs = {run: at for run, at in self.runs.items() if at > now - 2 * OVERLAP_S}
        self.reported = {
            cause: (at, days)
            for cause, (at, days) in self.reported.items()
            if at > now - REMINDER_S and (cause in still_late or not cause.startswith("late:"))
        }

    @property
    def cursor(self) -> str:
        """The cursor as JSON."""
        return json.dumps({"since": self.since, "runs": self.runs, "reported": self.reported})


def read_sent_alerts(cursor: str | None, *, now: float) -> SentAlerts:
    """Parse a cursor; one that is empty or has another format starts FIRST_LOOK_S ago."""
    try:
        stored = json.loads(cursor or "")
        reported = {str(cause): (float(at), [*map(str, days)]) for cause, (at, days) in stored["reported"].items()}
        return SentAlerts(since=float(stored["since"]), runs=dict(stored["runs"]), reported=reported)
    except (ValueError, KeyError, TypeError, AttributeError):
        return SentAlerts(since=now - FIRST_LOOK_S + OVERLAP_S)
