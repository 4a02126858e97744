from __future__ import annotations

import math

import pytest

from toolft_pipeline.evaluation.scoring.intervals import (
    Z95,
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


def _pairs(wins: int, losses: int, n: int) -> tuple[list[bool], list[bool]]:
    same = [True] * (n - wins - losses)
    return [True] * wins + [False] * losses + same, [False] * wins + [True] * losses + same


def _score(wins: int, losses: int, n: int, difference: float) -> float:
    """The score statistic with the likelihood maximised over a grid: the definition, without Tango's closed form."""

    def log_likelihood(share: float) -> float:
        parts = ((wins, share + difference), (losses, share), (n - wins - losses, 1 - 2 * share - difference))
        return sum(count * math.log(p) for count, p in parts if count)

    grid = (max(0.0, -difference) + step * (1 - abs(difference)) / 2 / 20_000 for step in range(1, 20_000))
    share = max(grid, key=log_likelihood)
    return (wins - losses - n * difference) / math.sqrt(n * (2 * share + difference * (1 - difference)))


@pytest.mark.parametrize(("wins", "losses", "n"), [(12, 2, 44), (3, 0, 20), (20, 25, 100)])
def test_paired_difference_bounds_are_where_the_score_test_turns(wins: int, losses: int, n: int) -> None:
    rate = paired_difference(*_pairs(wins, losses, n))
    assert rate.value == pytest.approx((wins - losses) / n)
    assert _score(wins, losses, n, rate.low) == pytest.approx(1.96, abs=0.01)
    assert _score(wins, losses, n, rate.high) == pytest.approx(-1.96, abs=0.01)


def test_paired_difference_same_outcomes_has_the_width_that_so_few_tasks_leave() -> None:
    difference = paired_difference(*_pairs(0, 0, 20))
    assert difference.value == 0.0
    assert difference.high == pytest.approx(Z95**2 / (20 + Z95**2), abs=1e-6)  # the score interval's closed form
    assert difference.low == -difference.high


def test_paired_difference_of_nothing_is_the_whole_range() -> None:
    difference = paired_difference([], [])
    assert (difference.low, difference.high) == (-1.0, 1.0)


def test_smallest_visible_difference_takes_six_discordant_tasks() -> None:
    assert smallest_visible_difference(60) == pytest.approx(0.1)
    assert smallest_visible_difference(3) == 1.0
    assert smallest_visible_difference(0) == 1.0
