"""An even draw of rows within a budget, so that a small part of the logs shows all kinds of work.

Invariant: the draw is a function of the set of rows, and a larger budget draws a superset of the rows of a smaller one.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple


class Kind(NamedTuple):
    """What a run is an example of; `acts_on_results` is whether it calls again after a result, before it answers."""

    category: str
    tools: tuple[str, ...]
    acts_on_results: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate for the draw; `weight` is the number of its repeats in an epoch."""

    row_id: str
    trajectory_id: str
    day: str
    category: str
    tools: tuple[str, ...]
    tokens: int
    loss_tokens: int
    calls_in_a_row: int
    """Most turns of the run that call tools with no user message in between."""
    weight: int = 1

    @property
    def kind(self) -> Kind:
        """What the run is an example of."""
        return Kind(category=self.category, tools=self.tools, acts_on_results=self.calls_in_a_row > 1)

    @property
    def rank(self) -> bytes:
        """Order among rows of the same kind: the hash of the id."""
        return hashlib.sha256(self.row_id.encode()).digest()


def draw_evenly(rows: Iterable[Row], token_budget: int | None, *, row_budget: int | None = None) -> tuple[Row, ...]:
    """Draw rows within both budgets: in turn of the least drawn kind, of the least drawn category, and of the less
    drawn of two: runs that call again after a result, and runs that do not.

    By kinds alone a category of few kinds (no_tool has one) would get next to nothing; by tools alone rows with many
    tools would displace rows with one. Most logged runs answer after the first result, and a model that is trained on
    them as they come answers where it should go on. The draw ends at the first row that does not fit; repeats do not
    count. Rows are returned by the hash of their id.
    """
    rows = tuple(rows)
    most = len(rows) if row_budget is None else min(row_budget, len(rows))
    if token_budget is None and most == len(rows):
        return tuple(sorted(rows, key=lambda row: row.rank))
    kept: list[Row] = []
    tokens = 0
    for row in islice(_Kinds(rows), most):
        if token_budget is not None and tokens + row.tokens > token_budget:
            break
        tokens += row.tokens
        kept.append(row)
    return tuple(sorted(kept, key=lambda row: row.rank))


class _Kinds:
    """Rows by kind, drawn for the kind, the category or the answer to "does it call again after a result?" that was
    drawn least so far (ties by name)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting: defaultdict[Kind, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.rank, reverse=True):  # popped from the end
            self._waiting[row.kind].append(row)
        self._taken = dict.fromkeys(self._waiting, 0)
        self._groupings = [
            _Grouping(self._waiting, lambda _: ""),
            _Grouping(self._waiting, lambda kind: kind.category),
            _Grouping(self._waiting, lambda kind: str(kind.acts_on_results)),
        ]

    def __iter__(self) -> Iterator[Row]:
        """All rows, one for each grouping in turn."""
        for grouping in cycle(self._groupings):
            row = self._next_of(grouping)
            if row is None:
                return
            yield row

    def _next_of(self, grouping: _Grouping) -> Row | None:
        """A row of the least drawn group, of its least drawn kind; None if no row is left."""
        for heap in grouping.least_drawn_first():
            while heap:
                taken, kind = heapq.heappop(heap)
                if taken != self._taken[kind] or not self._waiting[kind]:
                    continue  # drawn through another heap since, or empty
                self._taken[kind] += 1
                for each in self._groupings:
                    each.count(kind, taken=taken + 1)
                return self._waiting[kind].pop()
        return None


class _Grouping:
    """Kinds in groups, how often each group was drawn, and its kinds by how often they were."""

    def __init__(self, kinds: Iterable[Kind], group_of: Callable[[Kind], str]) -> None:
        self._group_of = group_of
        self._heaps: defaultdict[str, list[tuple[int, Kind]]] = defaultdict(list)
        for kind in sorted(kinds):
            self._heaps[group_of(kind)].append((0, kind))
        self._drawn = dict.fromkeys(sorted(self._heaps), 0)

    def least_drawn_first(self) -> Iterator[list[tuple[int, Kind]]]:
        for name in sorted(self._drawn, key=lambda name: self._drawn[name]):
            yield self._heaps[name]

    def count(self, kind: Kind, *, taken: int) -> None:
        name = self._group_of(kind)
        self._drawn[name] += 1
        heapq.heappush(self._heaps[name], (taken, kind))
