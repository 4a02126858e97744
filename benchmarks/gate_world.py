"""A made-up agent whose nights the gate judges: tasks, models, and which model passes which task.

Tasks differ in difficulty (logit-normal). A model's outcome on a task is fixed, as greedy decoding is; two models of
one recipe end most tasks alike, neighbouring nights more than distant ones, and a given share of tasks differently
(`discordance`). A model's true success is its mean over all tasks that there could be, not over those that were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outcomes = NDArray[np.bool_]

SPREAD = 1.5
"""Standard deviation of the tasks' difficulty, in logits."""
SHARED = 0.7
"""Share of a model's own part (in variance) that follows the data of its window, the rest is its seed."""
STAYS = 0.9
"""Correlation of that part from night to night: a day of the window's twelve is new."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model: the night that made it, its true success on tasks of the first and of the changed catalog.

    `own` is the model's own part on the evaluation tasks.
    """

    night: int
    success: float
    changed_success: float
    own: Floats

    def true_success(self, changed: float) -> float:
        """Success where a share `changed` of the tasks is of the changed catalog."""
        return (1 - changed) * self.success + changed * self.changed_success


@dataclass(kw_only=True)
class World:
    """The evaluation tasks, and the source of fresh runs."""

    random: np.random.Generator
    n_tasks: int
    discordance: float
    changed: float = 0.0
    """Share of the tasks that a change of the catalog replaced."""
    difficulty: Floats = field(init=False)
    common: Floats = field(init=False)
    follows: Floats = field(init=False)
    of_new_catalog: Outcomes = field(init=False)

    def __post_init__(self) -> None:
        self.difficulty, self.common, self.follows = (self.random.standard_normal(self.n_tasks) for _ in range(3))
        self.of_new_catalog = np.zeros(self.n_tasks, dtype=bool)

    def new_night(self) -> None:
        """The window moves on."""
        fresh = self.random.standard_normal(self.n_tasks)
        self.follows = STAYS * self.follows + np.sqrt(1 - STAYS**2) * fresh

    def train(self, night: int, success: float, changed_success: float) -> Model:
        """Tonight's candidate."""
        seed = self.random.standard_normal(self.n_tasks)
        own = np.sqrt(SHARED) * self.follows + np.sqrt(1 - SHARED) * seed
        return Model(night=night, success=success, changed_success=changed_success, own=own)

    def change_catalog(self, share: float) -> None:
        """Replace a share of the evaluation tasks, and of what users ask for."""
        self.changed = share
        self.of_new_catalog = self.random.random(self.n_tasks) < share
        for part in (self.difficulty, self.common):
            part[self.of_new_catalog] = self.random.standard_normal(int(self.of_new_catalog.sum()))

    def on_tasks(self, model: Model) -> Outcomes:
        """Which evaluation tasks a model passes: always the same ones."""
        return self._passes(model, self.difficulty, self.common, model.own, self.of_new_catalog)

    def on_fresh_runs(self, models: list[Model], n: int) -> list[Outcomes]:
        """Which of n new runs each model passes."""
        difficulty, common = self.random.standard_normal(n), self.random.standard_normal(n)
        new_catalog = self.random.random(n) < self.changed
        nights = np.array([model.night for model in models])
        alike = SHARED * STAYS ** np.abs(nights[:, None] - nights[None, :])
        np.fill_diagonal(alike, 1.0)
        own = np.linalg.cholesky(alike) @ self.random.standard_normal((len(models), n))
        return [
            self._passes(model, difficulty, common, part, new_catalog) for model, part in zip(models, own, strict=True)
        ]

    def _passes(self, model: Model, difficulty: Floats, common: Floats, own: Floats, new_catalog: Outcomes) -> Outcomes:
        alike = alike_for(self.discordance)
        latent = np.sqrt(alike) * common + np.sqrt(1 - alike) * own
        bar = np.where(new_catalog, level_of_success(model.changed_success), level_of_success(model.success))
        return normal_cdf(latent) < 1 / (1 + np.exp(-(bar + SPREAD * difficulty)))


@cache
def level_of_success(success: float) -> float:
    """The mean logit at which the success over all tasks is this."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    weights = weights / weights.sum()
    low, high = -12.0, 12.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        mean = float((weights / (1 + np.exp(-(middle + SPREAD * nodes)))).sum())
        low, high = (middle, high) if mean < success else (low, middle)
    return low


@cache
def alike_for(discordance: float, success: float = 0.8) -> float:
    """What two distant models have in common (in variance), so that they end this share of the tasks differently."""
    random = np.random.default_rng(0)
    difficulty, common, one, other = (random.standard_normal(400_000) for _ in range(4))
    passes_below = 1 / (1 + np.exp(-(level_of_success(success) + SPREAD * difficulty)))
    low, high = 0.0, 1.0
    while high - low > 1e-3:
        alike = (low + high) / 2
        first, second = (
            normal_cdf(np.sqrt(alike) * common + np.sqrt(1 - alike) * own) < passes_below for own in (one, other)
        )
        low, high = (alike, high) if float((first != second).mean()) > discordance else (low, alike)
    return low


def normal_cdf(values: Floats) -> Floats:
    """The normal distribution function, to 8e-8 (Abramowitz and Stegun 1964, formula 26.2.17)."""
    x = np.abs(values)
    t = 1 / (1 + 0.2316419 * x)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-x * x / 2) / np.sqrt(2 * np.pi) * series
    return np.where(values >= 0, 1 - upper, upper)
