"""Which tool was called in place of which: a confusion matrix over calls.

Invariant: every expected call of every step is counted exactly once, under the tool that was called for it; a call
that was made beyond the expected ones is counted against `NO_CALL`. Rows sum to the calls that the oracle made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest

NO_CALL = "(answers)"
"""What stands for a tool where none is called: the model answers in words, or the oracle does."""

UNREADABLE = "(unreadable)"
"""What stands for a tool where the turn cannot be parsed."""

MADE_UP = "(made up)"
"""What stands for a tool that the catalog has not."""


def confusion(steps: Iterable[tuple[Sequence[str], Sequence[str]]]) -> dict[str, dict[str, int]]:
    """Counts by expected and called tool, from (tools that the oracle called, tools that the model called) of steps.

    Equal tools are paired first; what is left is paired in order. A step in which neither calls counts once.
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
