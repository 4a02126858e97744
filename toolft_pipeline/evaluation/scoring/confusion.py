"""Confusion matrix over calls: expected tool against called tool.

Invariant: every expected call of every step is counted exactly once, under the tool called in its place; a call beyond
the expected ones is counted against `NO_CALL`. Rows sum to the calls of the gold runs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest

NO_CALL = "(answers)"
"""Row or column for no call: the gold run, or the model, answers in words."""

UNREADABLE = "(unreadable)"
"""Column for a turn that cannot be parsed."""

MADE_UP = "(made up)"
"""Column for a tool that the catalog does not have."""


def confusion(steps: Iterable[tuple[Sequence[str], Sequence[str]]]) -> dict[str, dict[str, int]]:
    """Count (expected tools, called tools) of steps by expected and called tool.

    Equal tools are paired first, the rest in order. A step in which neither side calls counts once.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for expected, called in steps:
        both = Counter(expected) & Counter(called)
        for tool, times in both.items():
            counts[tool][tool] += times
        left = (sorted((Counter(side) - both).elements()) for side in (expected, called))
        pairs = list(zip_longest(*left, fillvalue=NO_CALL))
        for wanted, got in pairs or ([] if both else [(NO_CALL, NO_CALL)]):
            counts[wanted][got] += 1
    return {tool: dict(sorted(row.items())) for tool, row in sorted(counts.items())}
