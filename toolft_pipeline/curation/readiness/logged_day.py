"""Counts over one day of logs, of the incumbent and of tool churn; stored, so that a night counts only the new day.

Invariant: the counts of a window are those of its days added up; nothing of a run's text is stored, and names from
the logs are redacted first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.readiness.production_stats import LoggedRuns
from toolft_pipeline.curation.readiness.tool_churn import ChurnCount
from toolft_pipeline.trajectories.record import SERVED, Trajectory


@dataclass(kw_only=True)
class LoggedRunCounts:
    """The counts over the logged runs of one or several days."""

    runs: LoggedRuns = field(default_factory=LoggedRuns)
    tools: ChurnCount = field(default_factory=ChurnCount)

    def merge(self, other: LoggedRunCounts) -> None:
        """Add the counts of other runs."""
        self.runs.merge(other.runs)
        self.tools.merge(other.tools)


def count_day(
    runs: Iterable[Trajectory], *, day: str, tools: CatalogValidator, redact: Callable[[str], str]
) -> LoggedRunCounts:
    """Count the incumbent's runs of a day; renamed tools must have today's names, `tools` are today's.

    Runs that our own server answered are left out.
    """
    counts = LoggedRunCounts()
    for run in (each for each in runs if each.origin not in SERVED):
        counts.runs.add(run, tools=tools)
        counts.tools.add(run, day=day, today=tools.names)
    return LoggedRunCounts(runs=counts.runs, tools=counts.tools.redacted(redact))


def write_day(counts: LoggedRunCounts, path: Path) -> None:
    """Write the counts as JSON."""
    path.write_bytes(msgspec.json.encode(counts))


def read_day(path: Path) -> LoggedRunCounts:
    """Read the counts of `write_day`."""
    return msgspec.json.decode(path.read_bytes(), type=LoggedRunCounts)
