"""An alert: what failed, for which days, why, where to look and what to do.

Invariant: an alert leaves the machine, so it contains only the error's first line, redacted like a training row, and
nothing else of the run's logs. One cause is one alert, however many days are affected.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_ERROR = 500
"""Maximum number of characters of an error: an alert is a chat message, not a log."""
DAYS_NAMED = 3
"""With more days than this, the title has their number, first and last; the text lists all."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One failure to report. `subject` is what failed (stages, a sensor, a late asset); `remedy` is what to do."""

    agent: str
    subject: str
    error: str
    remedy: str
    link: str
    verb: str = "failed"
    days: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What failed, in one line."""
        when = ["of", days_in_words(self.days)] if self.days else []
        return " ".join(["toolft:", self.agent, self.subject, *when, self.verb])

    @property
    def text(self) -> str:
        """What failed, why, where to look and what to do, one line each."""
        lines = [self.title, f"Why: {self.error}"]
        if len(self.days) > DAYS_NAMED:
            lines.append(f"Days: {', '.join(self.days)}")
        return "\n".join([*lines, f"Look: {self.link}", f"Do: {self.remedy}"])


def days_in_words(days: tuple[str, ...]) -> str:
    """The days, or their number with the first and the last."""
    return ", ".join(days) if len(days) <= DAYS_NAMED else f"{len(days)} days ({days[0]} to {days[-1]})"


def first_line(error: str) -> str:
    """The first line that is not empty, at most LONGEST_ERROR characters."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "the error has no text")
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 3] + "..."
