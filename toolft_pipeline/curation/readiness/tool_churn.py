"""How much the tools of an agent moved in a window: which catalogs its runs were offered, and which tools are gone.

Invariant: only what the logs say. A run that does not say what it was offered is counted as such, and where no run
does, the number of catalogs is not known; it is never one. A name from a log is shown as redaction leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory

_LISTED = 20
"""Catalogs, and gone tools, that are listed: some agents pick other tools for each request."""

_TOLD_APART = 10_000
"""Catalogs, and gone tools, that are told apart; what comes after them is not counted, so that memory stays flat."""


class NameCount(Struct, frozen=True, kw_only=True):
    """A catalog's digest or a tool's name, how many runs it was seen in, and between which days of logs."""

    name: str
    runs: int
    first_day: str
    last_day: str


class ToolChurn(Struct, frozen=True, kw_only=True):
    """What was offered and called. `catalogs` counts the different ones, in which neither the order of tools nor that
    of keys is a difference; None where no log says what a run was offered.

    `changed_on` are the days on which a catalog was offered for the first time, the first such day left out. `gone`
    are tools that runs call and that today's catalog has not: removed since, or made up by the model. `offered` and
    `gone` list the 20 that most runs show. No more than 10,000 of either are told apart.
    """

    runs: int
    runs_that_say: int
    catalogs: int | None
    changed_on: tuple[str, ...]
    offered: tuple[NameCount, ...]
    gone: tuple[NameCount, ...]
    tools_gone: int


@dataclass(kw_only=True)
class ChurnCount:
    """The sums over the runs seen so far."""

    runs: int = 0
    runs_that_say: int = 0
    offered: dict[str, NameCount] = field(default_factory=dict)
    gone: dict[str, NameCount] = field(default_factory=dict)

    def add(self, run: Trajectory, *, day: str, today: Collection[str]) -> None:
        """Count one run of a day of logs; `today` are the names of today's tools."""
        self.runs += 1
        if run.tools_digest is not None:
            self.runs_that_say += 1
            _count(self.offered, NameCount(name=run.tools_digest, runs=1, first_day=day, last_day=day))
        for name in tools_used(run.messages):
            if name not in today:
                _count(self.gone, NameCount(name=name, runs=1, first_day=day, last_day=day))

    def merge(self, other: ChurnCount) -> None:
        """Add the counts of other runs."""
        self.runs += other.runs
        self.runs_that_say += other.runs_that_say
        for mine, theirs in ((self.offered, other.offered), (self.gone, other.gone)):
            for seen in theirs.values():
                _count(mine, seen)

    def redacted(self, redact: Callable[[str], str]) -> ChurnCount:
        """The same counts with names that are fit to be stored outside the raw zone."""
        clean = ChurnCount(runs=self.runs, runs_that_say=self.runs_that_say)
        for mine, theirs in ((clean.offered, self.offered), (clean.gone, self.gone)):
            for seen in theirs.values():
                _count(mine, replace(seen, name=redact(seen.name)))
        return clean


def churn_of(count: ChurnCount) -> ToolChurn:
    """The figures of the counts."""
    days = sorted({catalog.first_day for catalog in count.offered.values()})
    return ToolChurn(
        runs=count.runs,
        runs_that_say=count.runs_that_say,
        catalogs=len(count.offered) or None,
        changed_on=tuple(days[1:]),
        offered=_most(count.offered),
        gone=_most(count.gone),
        tools_gone=len(count.gone),
    )


def _count(counts: dict[str, NameCount], seen: NameCount) -> None:
    if seen.name not in counts and len(counts) >= _TOLD_APART:
        return
    known = counts.get(seen.name, seen)
    counts[seen.name] = NameCount(
        name=seen.name,
        runs=seen.runs if known is seen else known.runs + seen.runs,
        first_day=min(known.first_day, seen.first_day),
        last_day=max(known.last_day, seen.last_day),
    )


def _most(counts: dict[str, NameCount]) -> tuple[NameCount, ...]:
    """Those of most runs, listed by day."""
    most = sorted(counts.values(), key=lambda each: (-each.runs, each.name))[:_LISTED]
    return tuple(sorted(most, key=lambda each: (each.first_day, each.last_day, each.name)))
