"""An even draw of rows within a budget, so that a small part of the logs shows every kind of work and every tool.

Invariant: the draw is a function of the set of rows, and a larger budget draws a superset of the rows of a smaller one.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice


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
    weight: int = 1

    @property
    def rank(self) -> bytes:
        """Order among rows of the same kind: the hash of the id."""
        return hashlib.sha256(self.row_id.encode()).digest()


Kind = tuple[str, tuple[str, ...]]
"""Category and tools of a run."""


def draw_evenly(rows: Iterable[Row], token_budget: int | None, *, row_budget: int | None = None) -> tuple[Row, ...]:
    """Draw rows within both budgets, in turn of the least drawn kind, category and tool.

    By kinds alone a category of few kinds (no_tool has one) would get next to nothing; by tools alone rows with many
    tools would displace rows with one; without tools one that few kinds call would be shown too seldom for its name to
    be learned. The draw ends at the first row that does not fit; repeats do not count. Rows are returned by the hash of
    their id.
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
    """Rows by kind, drawn for the kind, the category or the tool that was drawn least so far (ties by name)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._waiting: defaultdict[Kind, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.rank, reverse=True):  # popped from the end
            self._waiting[row.category, row.tools].append(row)
        self._taken = dict.fromkeys(self._waiting, 0)
        self._groupings = [
            _Grouping(self._waiting, lambda _: ("",)),
            _Grouping(self._waiting, lambda kind: (kind[0],)),
            _Grouping(self._waiting, lambda kind: kind[1] or ("",)),
        ]

    def __iter__(self) -> Iterator[Row]:
        """All rows: one of the least drawn kind, one of the least drawn category, one of the least drawn tool, again
        and again; of a category or tool one of its least drawn kind."""
        for grouping in cycle(self._groupings):
            row = self._next_of(grouping)
            if row is None:
                return
            yield row

    def _next_of(self, grouping: _Grouping) -> Row | None:
        while (heap := grouping.least_drawn()) is not None:
            while heap:
                taken, kind = heapq.heappop(heap)
                if taken != self._taken[kind] or not self._waiting[kind]:
                    continue  # drawn through another heap since, or empty
                self._taken[kind] += 1
                for each in self._groupings:
                    each.count(kind, taken=taken + 1)
                return self._waiting[kind].pop()
            grouping.drop_empty()
        return None


class _Grouping:
    """Kinds in groups; how often each group was drawn, and a heap of its kinds by how often they were."""

    def __init__(self, kinds: Iterable[Kind], groups_of: Callable[[Kind], tuple[str, ...]]) -> None:
        self._groups_of = groups_of
        self._heaps: defaultdict[str, list[tuple[int, Kind]]] = defaultdict(list)
        for kind in sorted(kinds):
            for group in groups_of(kind):
                self._heaps[group].append((0, kind))
        self._drawn = dict.fromkeys(sorted(self._heaps), 0)

    def least_drawn(self) -> list[tuple[int, Kind]] | None:
        """The heap of the least drawn group that is not dropped."""
        return self._heaps[min(self._drawn, key=self._drawn.__getitem__)] if self._drawn else None

    def drop_empty(self) -> None:
        """Drop the groups without kinds."""
        self._drawn = {group: drawn for group, drawn in self._drawn.items() if self._heaps[group]}

    def count(self, kind: Kind, *, taken: int) -> None:
        """A row of this kind was drawn, the `taken`th."""
        for group in self._groups_of(kind):
            if group in self._drawn:
                self._drawn[group] += 1
                heapq.heappush(self._heaps[group], (taken, kind))
