"""What a person is told when something failed: what, which days, why, where to look and what to do.

Invariant: an alert leaves the machine, so the error's first line goes through the same redaction as a training row,
and nothing else of the run's logs goes with it. One cause is one alert, however many days it holds up.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_ERROR = 500
"""Characters of an error at most: a chat message, not a log."""
DAYS_NAMED = 3
"""More days than this are named by number, first and last in the title; the text names each."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One cause. `subject` is what failed (stages, a sensor, an asset that is late); `remedy` is what to do."""

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
        """One line: what failed."""
        when = ["of", days_in_words(self.days)] if self.days else []
        return " ".join(["toolft:", self.agent, self.subject, *when, self.verb])

    @property
    def text(self) -> str:
        """What failed, why, where to look and what to do, a line each."""
        lines = [self.title, f"Why: {self.error}"]
        if len(self.days) > DAYS_NAMED:
            lines.append(f"Days: {', '.join(self.days)}")
        return "\n".join([*lines, f"Look: {self.link}", f"Do: {self.remedy}"])


def days_in_words(days: tuple[str, ...]) -> str:
    """Some days, or how many from which to which."""
    return ", ".join(days) if len(days) <= DAYS_NAMED else f"{len(days)} days ({days[0]} to {days[-1]})"


def first_line(error: str) -> str:
    """The first line that says something, cut to a length that a person reads."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "the error has no text")
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 3] + "..."
