"""Confidence intervals of rates and of differences, and the exact test of paired outcomes.

Invariant: pure arithmetic without random draws; the interval of no outcomes is the whole range, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

SIGNIFICANCE = 0.05


class Rate(Struct, frozen=True, kw_only=True):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Rate:
    """The Wilson score interval (Wilson 1927), right for small n and for rates near 0 and 1."""
    if n == 0:
        return Rate(value=0.0, low=0.0, high=1.0)
    p, z2 = successes / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Rate(value=p, low=low, high=high)


def paired_difference(ours: Sequence[bool], theirs: Sequence[bool]) -> Rate:
    """Mean of ours minus theirs over the same tasks, with Tango's score interval (Tango 1998, Stat. Med. 17:891).

    It keeps its level with few tasks and few differences, where a bootstrap of no difference has zero width.
    """
    n = len(ours)
    if not n:
        return Rate(value=0.0, low=-1.0, high=1.0)
    wins = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    losses = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    return Rate(
        value=(wins - losses) / n,
        low=-_tango_upper(losses, wins, n),
        high=_tango_upper(wins, losses, n),
    )


def _tango_upper(wins: int, losses: int, n: int) -> float:
    """The largest difference that the score test does not reject, by bisection to 1e-9."""
    inside, outside = (wins - losses) / n, 1.0
    while outside - inside > 1e-9:
        middle = (inside + outside) / 2
        if _tango_score(wins, losses, n, middle) > -Z95:
            inside = middle
        else:
            outside = middle
    return inside


def _tango_score(wins: int, losses: int, n: int, difference: float) -> float:
    """The score statistic, with the share of losses at its maximum likelihood under this difference."""
    a = 2 * n
    b = -wins - losses + (2 * n - wins + losses) * difference
    c = -losses * difference * (1 - difference)
    share = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    return (wins - losses - n * difference) / math.sqrt(variance) if variance > 0 else 0.0


def exact_mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p-value of the sign test on discordant pairs (McNemar 1947, exact binomial form)."""
    n = wins + losses
    if n == 0:
        return 1.0
    tail: float = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    return min(1.0, 2 * tail)


def smallest_visible_difference(n: int) -> float:
    """The smallest difference in success over n paired tasks that the exact test can detect.

    The best case: all tasks that differ go the same way, which takes six of them.
    """
    discordant = next(k for k in range(1, 64) if exact_mcnemar(k, 0) < SIGNIFICANCE)
    return min(1.0, discordant / n) if n else 1.0
