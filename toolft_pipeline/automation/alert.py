"""What a person is told when a run failed: which stage, which day, why, and what to do.

Invariant: an alert leaves the machine, so the error's first line goes through the same redaction as a training row,
and nothing else of the run's logs goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.assets.stage import Group
from toolft_pipeline.assets.stages import STAGES

LONGEST_ERROR = 500
"""Characters of an error at most: a chat message, not a log."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One failed run. `stages` is empty where it failed before any step."""

    agent: str
    stages: tuple[str, ...]
    day: str | None
    error: str
    run_id: str
    ui: str

    @property
    def title(self) -> str:
        """One line: what failed."""
        return " ".join(["toolft:", self.agent, ", ".join(self.stages) or "a run", *self._when, "failed"])

    @property
    def text(self) -> str:
        """What failed, why, where to look and what to do, a line each."""
        return "\n".join(
            [
                self.title,
                f"Why: {self.error}",
                f"Look: {self.ui.rstrip('/')}/runs/{self.run_id}",
                f"Do: mend what the line names, then `{self.command}`; what is done already is reused.",
                f"`{self.command} --dry-run` says first what would be made.",
            ]
        )

    @property
    def command(self) -> str:
        """What makes the failed day again."""
        data_only = bool(self.stages) and all(_GROUPS.get(stage) is Group.DATA for stage in self.stages)
        if self.day is None:
            return f"toolft run {self.agent} --data"
        if data_only:
            return f"toolft run {self.agent} --from {self.day} --to {self.day} --data"
        return f"toolft run {self.agent} --to {self.day}"

    @property
    def _when(self) -> list[str]:
        return [] if self.day is None else ["of", self.day]


_GROUPS = {stage.asset: stage.group for stage in STAGES}


def first_line(error: str) -> str:
    """The first line that says something, cut to a length that a person reads."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "no word of what failed")
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 3] + "..."
