from __future__ import annotations

import math
import random

import pytest

from toolft_pipeline.evaluation.scoring.intervals import (
    Z95,
    clustered_wilson,
    design_effect,
    exact_mcnemar,
    exact_sign,
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


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (5, 0, 0.03125), (0, 5, 1.0), (8, 2, 0.0546875), (2, 8, 0.9892578125)]
)
def test_exact_sign_is_the_tail_of_at_least_as_many_wins(wins: int, losses: int, p: float) -> None:
    assert exact_sign(wins, losses) == p


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
    rate = paired_difference(wins=wins, losses=losses, n=n)
    assert rate.value == pytest.approx((wins - losses) / n)
    assert _score(wins, losses, n, rate.low) == pytest.approx(1.96, abs=0.01)
    assert _score(wins, losses, n, rate.high) == pytest.approx(-1.96, abs=0.01)


def test_paired_difference_same_outcomes_has_the_width_that_so_few_tasks_leave() -> None:
    difference = paired_difference(wins=0, losses=0, n=20)
    assert difference.value == 0.0
    assert difference.high == pytest.approx(Z95**2 / (20 + Z95**2), abs=1e-6)  # the score interval's closed form
    assert difference.low == -difference.high


def test_paired_difference_of_nothing_is_the_whole_range() -> None:
    difference = paired_difference(wins=0, losses=0, n=0)
    assert (difference.low, difference.high) == (-1.0, 1.0)


def test_clustered_wilson_of_single_outcomes_is_the_plain_interval() -> None:
    alone = {f"t{number}": [number % 4 > 0] for number in range(60)}
    clustered, plain = clustered_wilson(alone), wilson(45, 60)
    assert clustered.low == pytest.approx(plain.low, abs=0.002)
    assert clustered.high == pytest.approx(plain.high, abs=0.002)


def test_clustered_wilson_of_tasks_whose_steps_agree_is_as_wide_as_the_tasks_alone() -> None:
    """Four steps that always agree tell as much as one: the design effect is their number (Kish 1965)."""
    four = {f"t{number}": [number % 4 > 0] * 4 for number in range(60)}
    assert design_effect(list(four.values())) == pytest.approx(4.0 * 60 / 59)
    assert clustered_wilson(four).low == pytest.approx(wilson(45, 60).low, abs=0.003)


def test_design_effect_is_never_below_that_of_independent_steps() -> None:
    spread = [[True, False]] * 30  # less clustered than chance
    assert design_effect(spread) == 1.0


@pytest.mark.parametrize("outcome", [True, False])
def test_clustered_wilson_of_steps_that_are_all_alike_assumes_the_usual_design_effect(outcome: bool) -> None:
    found = clustered_wilson({f"t{number}": [outcome] * 4 for number in range(60)})
    assert found.value == outcome
    assert found.high - found.low == pytest.approx(Z95**2 / (240 / 1.7 + Z95**2))


def test_clustered_wilson_of_one_task_knows_as_little_as_one_step() -> None:
    found = clustered_wilson({"only": [True, True, True]})
    assert (found.low, found.high) == (wilson(1, 1).low, 1.0)
    assert clustered_wilson({}) == wilson(0, 0)


def test_clustered_wilson_holds_its_level_where_steps_of_a_task_agree() -> None:
    """A true rate of 90 %, steps of a task correlated at 0.2: the plain lower bound is above it too often."""
    chance = random.Random(3)
    too_high = {"clustered": 0, "plain": 0}
    for _ in range(1_500):
        tasks = {}
        for number in range(60):
            of_task = chance.betavariate(0.9 * 4, 0.1 * 4)  # intraclass correlation 1 / (4 + 1)
            tasks[f"t{number}"] = [chance.random() < of_task for _ in range(6)]
        right = sum(map(sum, tasks.values()))
        too_high["clustered"] += clustered_wilson(tasks).low > 0.9
        too_high["plain"] += wilson(right, 360).low > 0.9
    assert too_high["clustered"] / 1_500 < 0.04
    assert too_high["plain"] / 1_500 > 0.05


@pytest.mark.parametrize(("n", "discordance", "level"), [(240, 0.12, 0.025), (240, 0.12, 1 / 730), (60, 0.2, 0.025)])
def test_smallest_visible_difference_is_seen_in_four_of_five_draws(n: int, discordance: float, level: float) -> None:
    """Counted by drawing tasks and running the exact test, without the formula."""
    x = smallest_visible_difference(n, discordance=discordance, level=level)
    d, chance, seen = max(discordance, x), random.Random(5), 0
    for _ in range(2_000):
        draws = [chance.random() for _ in range(n)]
        wins = sum(draw < (d + x) / 2 for draw in draws)
        losses = sum((d + x) / 2 <= draw < d for draw in draws)
        tail = sum(math.comb(wins + losses, k) for k in range(losses + 1)) / 2 ** (wins + losses)
        seen += tail <= level
    assert 0.72 < seen / 2_000 < 0.86  # the exact test is a little more careful than the formula


def test_smallest_visible_difference_shrinks_with_tasks_and_is_everything_for_none() -> None:
    assert smallest_visible_difference(960) < smallest_visible_difference(240) < smallest_visible_difference(60)
    assert smallest_visible_difference(0) == 1.0
    assert smallest_visible_difference(3) == 1.0
