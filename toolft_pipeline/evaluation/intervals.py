"""How sure a figure is: intervals of rates and of differences, and the exact test of paired outcomes.

Invariant: pure arithmetic with a fixed seed; an interval of nothing is the whole range, never an error and never a
point.
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


def paired_difference(ours: Sequence[bool], theirs: Sequence[bool], *, resamples: int = 10_000) -> Rate:
    """Mean of ours minus theirs over the same tasks, with the percentile bootstrap's 95 % interval (Efron 1979)."""
    import numpy as np

    if not ours:
        return Rate(value=0.0, low=-1.0, high=1.0)
    difference = np.array(ours, dtype=np.float64) - np.array(theirs, dtype=np.float64)
    n = len(difference)
    counts = [int((difference == value).sum()) for value in (-1.0, 0.0, 1.0)]
    drawn = np.random.default_rng(0).multinomial(n, [count / n for count in counts], size=resamples)
    means = (drawn[:, 2] - drawn[:, 0]) / n
    low, high = np.quantile(means, [0.025, 0.975])
    return Rate(value=float(difference.mean()), low=float(low), high=float(high))


def exact_mcnemar(wins: int, losses: int) -> float:
    """Two-sided exact p-value of the sign test on discordant pairs (McNemar 1947, exact binomial form)."""
    n = wins + losses
    if n == 0:
        return 1.0
    tail: float = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    return min(1.0, 2 * tail)


def smallest_visible_difference(n: int) -> float:
    """The smallest difference in success over n paired tasks that the exact test can call one.

    The best case: every task that differs differs the same way, which takes six of them.
    """
    discordant = next(k for k in range(1, 64) if exact_mcnemar(k, 0) < SIGNIFICANCE)
    return min(1.0, discordant / n) if n else 1.0
