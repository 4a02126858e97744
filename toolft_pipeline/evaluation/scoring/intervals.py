"""Confidence intervals of rates and of differences, the exact test of paired outcomes, and its power.

Invariant: pure arithmetic without random draws; the interval of no outcomes is the whole range, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from msgspec import Struct

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

SIGNIFICANCE = 0.05

POWER = 0.8
"""Share of the nights in which a difference of the smallest visible size is seen: the usual 80 % (Cohen 1988)."""

TYPICAL_DESIGN_EFFECT = 1.7
"""Design effect where it cannot be measured, because all outcomes are alike: the upper end of what steps of evaluation
tasks showed (1.2 to 1.7)."""

FEW_CLUSTERS = 10
"""With the rarer outcome in fewer clusters than this, the measured design effect is averaged with the usual one, which
weighs as much as one cluster: a single failure always measures 1."""

TYPICAL_DISCORDANCE = 0.12
"""Share of tasks that two models of one recipe end differently, where no pair of models was compared: 0.08 to 0.16 is
usual for retrained models (`benchmarks/gate_nights.py` shows all three)."""


class Rate(Struct, frozen=True, kw_only=True):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Rate:
    """The Wilson score interval (Wilson 1927), right for small n and for rates near 0 and 1."""
    return _wilson(successes, n, effective=n)


def clustered_wilson(outcomes: Mapping[str, Sequence[bool]]) -> Rate:
    """The Wilson interval of a rate over outcomes that come in clusters (the steps of a task), by cluster.

    The sample size is divided by the design effect (Kish 1965): the variance of the ratio estimator over clusters,
    divided by that of independent outcomes, at least 1. It is the interval of Korn and Graubard (1998) with Wilson's
    form for theirs, which Dean and Pagano (2015) find to keep its level. Where all or nearly
    all outcomes are alike, their design effect is unknown and taken from `TYPICAL_DESIGN_EFFECT`; one cluster counts as
    one outcome.
    """
    counted = [each for each in outcomes.values() if each]
    n = sum(map(len, counted))
    successes = sum(map(sum, counted))
    return _wilson(successes, n, effective=n / design_effect(counted) if n else 0.0)


def weighted_wilson(outcomes: Sequence[tuple[bool, float]], *, design_effect: float) -> Rate:
    """The Wilson interval of a weighted share of (outcome, weight); `design_effect` is that of the clusters.

    Unequal weights make n outcomes tell as much as (sum w)^2 / (sum w^2) equal ones (Kish 1965).
    """
    total = sum(weight for _, weight in outcomes)
    share = sum(weight for passed, weight in outcomes if passed) / total
    equal = total * total / sum(weight * weight for _, weight in outcomes)
    return wilson_of_mean(share, equal / design_effect)


def wilson_of_mean(mean: float, effective: float) -> Rate:
    """Wilson's interval around a mean of values from 0 to 1 that tell as much as `effective` outcomes."""
    mean = min(1.0, max(0.0, mean))
    z2 = Z95 * Z95
    centre = (mean + z2 / (2 * effective)) / (1 + z2 / effective)
    half = Z95 * math.sqrt(mean * (1 - mean) / effective + z2 / (4 * effective * effective)) / (1 + z2 / effective)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Rate(value=mean, low=0.0 if mean == 0 else low, high=1.0 if mean == 1 else high)


def design_effect(clusters: Sequence[Sequence[bool]]) -> float:
    """How many outcomes of these clusters tell as much as one independent outcome, at least 1."""
    k, n = len(clusters), sum(map(len, clusters))
    if k < 2:
        return float(max(1, n))
    largest = n / k  # outcomes of a cluster that are all alike count as one
    usual = max(1.0, min(TYPICAL_DESIGN_EFFECT, largest))
    successes = sum(map(sum, clusters))
    if successes in (0, n):
        return usual
    p = successes / n
    squares = sum((sum(cluster) - p * len(cluster)) ** 2 for cluster in clusters)
    measured = max(1.0, k / (k - 1) * squares / n / (p * (1 - p)))
    rarer = successes > n / 2  # the outcome that fewer have, by its opposite
    telling = sum(not all(each == rarer for each in cluster) for cluster in clusters)
    if telling >= FEW_CLUSTERS:
        return measured
    return max(measured, (telling * measured + usual) / (telling + 1))


def _wilson(successes: int, n: int, *, effective: float) -> Rate:
    """Wilson's interval of a share of n outcomes that tell as much as `effective` independent ones."""
    if n == 0:
        return Rate(value=0.0, low=0.0, high=1.0)
    return wilson_of_mean(successes / n, effective)


def paired_difference(*, wins: int, losses: int, n: int, z: float = Z95) -> Rate:
    """(wins - losses) / n over n pairs of 0 and 1, with Tango's score interval (Tango 1998, Stat. Med. 17:891).

    `z` is the two-sided normal quantile of the interval, 95 % by default. It keeps its level with few tasks and few
    differences, where a bootstrap of no difference has zero width.
    """
    if not n:
        return Rate(value=0.0, low=-1.0, high=1.0)
    return Rate(
        value=(wins - losses) / n,
        low=-_tango_upper(losses, wins, n, z),
        high=_tango_upper(wins, losses, n, z),
    )


def _tango_upper(wins: int, losses: int, n: int, z: float) -> float:
    """The largest difference that the score test does not reject, by bisection to 1e-9."""
    inside, outside = (wins - losses) / n, 1.0
    while outside - inside > 1e-9:
        middle = (inside + outside) / 2
        if _tango_score(wins, losses, n, middle) > -z:
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
    return min(1.0, 2 * exact_sign(max(wins, losses), min(wins, losses)))


def exact_sign(wins: int, losses: int) -> float:
    """One-sided exact p-value: the chance of at least as many wins among the discordant pairs if neither is better."""
    n = wins + losses
    tail: float = sum(math.comb(n, k) for k in range(losses + 1)) / 2**n
    return tail


def smallest_visible_difference(
    n: int, *, discordance: float = TYPICAL_DISCORDANCE, level: float = SIGNIFICANCE / 2
) -> float:
    """The smallest true difference that n paired tasks show with 80 % power.

    A candidate that is better by this much passes the one-sided test at `level` in 8 of 10 draws of n tasks, if the two
    models end a share `discordance` of the tasks differently. Connor's formula for McNemar's test (Connor 1987,
    Biometrics 43:207), n = (z_level sqrt(d) + z_power sqrt(d - x^2))^2 / x^2, solved for the difference x; a difference
    cannot exceed d, so d is raised to x where it is smaller. 1 if no difference is shown.
    """
    z_level, z_power = NormalDist().inv_cdf(1 - level), NormalDist().inv_cdf(POWER)
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        x = (low + high) / 2
        d = max(discordance, x)
        needed = (z_level * math.sqrt(d) + z_power * math.sqrt(d - x * x)) ** 2
        low, high = (low, x) if n * x * x >= needed else (x, high)
    return high
