from __future__ import annotations

import pytest

from toolft_pipeline.evaluation.intervals import (
    exact_mcnemar,
    paired_difference,
    smallest_visible_difference,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_known_counts_gives_published_bounds(successes: int, n: int, low: float, high: float) -> None:
    """The last row is Newcombe's (1998) first example."""
    rate = wilson(successes, n)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)
    assert rate.value == successes / n


def test_wilson_of_nothing_is_the_whole_range() -> None:
    rate = wilson(0, 0)
    assert (rate.low, rate.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (3, 3, 1.0), (8, 2, 0.109375)]
)
def test_exact_mcnemar_small_counts_gives_binomial_tails(wins: int, losses: int, p: float) -> None:
    assert exact_mcnemar(wins, losses) == p == exact_mcnemar(losses, wins)


def test_paired_difference_same_outcomes_is_zero_without_width() -> None:
    difference = paired_difference([True, False, True], [True, False, True])
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_paired_difference_known_spread_covers_the_normal_interval() -> None:
    ours, theirs = [True] * 60 + [False] * 40, [True] * 40 + [False] * 60
    difference = paired_difference(ours, theirs)
    assert difference.value == pytest.approx(0.2)
    assert difference.low == pytest.approx(0.2 - 1.96 * 0.04, abs=0.011)
    assert difference.high == pytest.approx(0.2 + 1.96 * 0.04, abs=0.011)


def test_smallest_visible_difference_takes_six_discordant_tasks() -> None:
    assert smallest_visible_difference(60) == pytest.approx(0.1)
    assert smallest_visible_difference(3) == 1.0
    assert smallest_visible_difference(0) == 1.0
