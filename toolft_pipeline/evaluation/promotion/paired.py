"""Compare two models on the same tasks: by rollouts where both have them, else by the steps of each task.

Invariant: a task is one observation. Steps of one task are not independent, so a task's share of right steps is
compared as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from toolft_pipeline.evaluation.scoring.intervals import (
    TYPICAL_DISCORDANCE,
    Z95,
    Rate,
    exact_sign,
    paired_difference,
    smallest_visible_difference,
)
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics


class Basis(StrEnum):
    """What a model is judged by."""

    ROLLOUTS = "steps and rollouts"
    """Thresholds by steps; tasks are compared by whether the rollout passed."""
    STEPS = "steps alone"
    """The agent has no sandbox: tasks are compared by their share of right steps."""


Scores = Mapping[str, float]
"""A task's score from 0 to 1, by task."""


class PairedComparison(Struct, frozen=True, kw_only=True):
    """The candidate and another model on the same tasks.

    `difference` is the mean of the candidate's score minus the other's, with its 95 % interval. `p_value` is the exact
    one-sided p-value that the candidate is better, `p_worse` that it is worse.
    """

    n_tasks: int
    difference: Rate
    wins: int
    losses: int
    p_value: float
    p_worse: float
    smallest_visible_difference: float

    @property
    def counts(self) -> str:
        """Wins and losses in words."""
        return f"{self.wins} tasks won and {self.losses} lost against the model in service"


def basis_of(metrics: ModelMetrics) -> Basis:
    """Rollouts if there are any."""
    return Basis.ROLLOUTS if metrics.n_tasks else Basis.STEPS


def scores_of(metrics: ModelMetrics, basis: Basis) -> Scores:
    """The score of each task: 1 or 0 for a rollout, else the share of right steps."""
    return metrics.task_outcomes if basis is Basis.ROLLOUTS else metrics.step_scores


def compare_pairs(differences: Sequence[float], *, level: float) -> PairedComparison:
    """Compare by the differences of all tasks that both models have (`differences_of`).

    `level` is that of the test that the smallest visible difference is about.
    """
    n = len(differences)
    wins, losses = _wins_and_losses(differences)
    discordance = (wins + losses) / n if wins + losses else TYPICAL_DISCORDANCE
    return PairedComparison(
        n_tasks=n,
        difference=mean_difference(differences, z=Z95),
        wins=wins,
        losses=losses,
        p_value=exact_sign(wins, losses),
        p_worse=exact_sign(losses, wins),
        smallest_visible_difference=smallest_visible_difference(n, discordance=discordance, level=level),
    )


def differences_of(ours: Scores, theirs: Scores, *, without: Collection[str] = ()) -> list[float]:
    """Our score minus theirs on the tasks that both have, apart from those in `without`, by task id."""
    shared = sorted((ours.keys() & theirs.keys()).difference(without))
    return [float(ours[task] - theirs[task]) for task in shared]


def mean_difference(differences: Sequence[float], *, z: float) -> Rate:
    """The mean with its interval at `z` standard errors.

    Tango's score interval for outcomes of 1 and 0; for shares of steps the normal interval over tasks, no narrower
    than that of the same number of tasks without any difference.
    """
    n = len(differences)
    if {-1.0, 0.0, 1.0}.issuperset(differences):
        wins, losses = _wins_and_losses(differences)
        return paired_difference(wins=wins, losses=losses, n=n, z=z)
    mean = sum(differences) / n
    variance = sum((each - mean) ** 2 for each in differences) / max(1, n - 1)
    half = max(z * math.sqrt(variance / n), paired_difference(wins=0, losses=0, n=n, z=z).high)
    return Rate(value=mean, low=max(-1.0, mean - half), high=min(1.0, mean + half))


def _wins_and_losses(differences: Sequence[float]) -> tuple[int, int]:
    wins = len([each for each in differences if each > 0])
    return wins, len([each for each in differences if each < 0])
