"""Tool churn of a window: which catalogs the runs were offered, and which called tools no longer exist.

Invariant: only logged facts count. Runs that do not log their tools are counted as such; if no run does, the number of
catalogs is unknown, never one. Names from logs are redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory

_LISTED = 20
"""Listed catalogs and gone tools: some agents select tools per request."""

_MOST_NAMES = 10_000
"""Most different catalogs and gone tools; further ones are not counted, so that memory is bounded."""


class NameCount(Struct, frozen=True, kw_only=True):
    """A catalog's digest or a tool's name, the number of its runs, and its first and last day."""

    name: str
    runs: int
    first_day: str
    last_day: str


class ToolChurn(Struct, frozen=True, kw_only=True):
    """Offered catalogs and called tools. `catalogs` counts different ones, regardless of the order of tools and keys;
    None if no run logs its tools.

    `changed_on` are the days with a new catalog, except the first day. `gone` are called tools that are not in today's
    catalog: removed since, or hallucinated. `offered` and `gone` list the 20 with most runs, of at most 10,000.
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
    """Counts over logged runs."""

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
    if seen.name not in counts and len(counts) >= _MOST_NAMES:
        return
    known = counts.get(seen.name, seen)
    counts[seen.name] = NameCount(
        name=seen.name,
        runs=seen.runs if known is seen else known.runs + seen.runs,
        first_day=min(known.first_day, seen.first_day),
        last_day=max(known.last_day, seen.last_day),
    )


def _most(counts: dict[str, NameCount]) -> tuple[NameCount, ...]:
    """The names with most runs, sorted by day."""
    most = sorted(counts.values(), key=lambda each: (-each.runs, each.name))[:_LISTED]
    return tuple(sorted(most, key=lambda each: (each.first_day, each.last_day, each.name)))
