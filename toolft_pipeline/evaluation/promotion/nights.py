"""Evidence over nights: are the candidates of this recipe better than the model in service?

Every night the candidate and the model in service repeat fresh runs that neither was trained on. Night by night a bet
is placed that the candidate does better: a run whose scores differ by d multiplies the stake by 1 + bet * (d + margin).
If candidates are not better (by more than -margin), the stake does not grow on average, whatever the models have in
common (Waudby-Smith and Ramdas 2023, "Estimating means of bounded random variables by betting"). A new bet starts every
night, and the evidence is the sum of all stakes, a Shiryaev-Roberts e-detector: with a threshold of c it takes at least
c nights on average until it is passed by chance (Shin, Ramdas and Rinaldo 2023, "E-detectors").

Invariant: a night counts once, however often it is made again; a run is evidence only if neither model was trained on
it; and evidence about one model, one recipe and one basis says nothing about another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from toolft_pipeline.evaluation.promotion.paired import Basis

NIGHTS_A_YEAR = 365

BETS = (0.15, 0.3, 0.6)
"""Shares of the stake that are bet, evenly mixed: the small one finds small differences that show in many runs, the
large one finds large differences in one night."""


class NightEvidence(Struct, frozen=True, kw_only=True):
    """What a night's fresh runs say about its candidate.

    `against` is the content digest of the model that it was compared with, `recipe` the digest of what the candidate is
    trained with. `differences` counts the runs by the candidate's score minus the other's.
    """

    day: str
    candidate: str
    against: str
    recipe: str
    basis: Basis
    differences: tuple[tuple[float, int], ...]

    @property
    def n_runs(self) -> int:
        """Number of fresh runs."""
        return sum(count for _, count in self.differences)

    @property
    def balance(self) -> float:
        """Sum of the differences."""
        return sum(difference * count for difference, count in self.differences)


def counted(differences: Iterable[float]) -> tuple[tuple[float, int], ...]:
    """Differences as counts, for `NightEvidence`."""
    merged: Counter[float] = Counter()
    for difference, count in Counter(differences).items():
        merged[round(difference, 6)] += count
    return tuple(sorted(merged.items()))


def level_of(wrong_promotions_per_year: float) -> float:
    """The level of each night's test on the tasks: half of the year's budget, spread evenly over its nights."""
    return wrong_promotions_per_year / (2 * NIGHTS_A_YEAR)


def evidence_needed(wrong_promotions_per_year: float) -> float:
    """The threshold of the evidence over nights, for the other half of the budget."""
    return 2 * NIGHTS_A_YEAR / wrong_promotions_per_year


def evidence(nights: Iterable[NightEvidence], *, margin: float) -> float:
    """The evidence that the candidates of these nights, oldest first, are better by more than -margin."""
    stakes = [0.0] * len(BETS)
    for night in nights:
        for place, bet in enumerate(BETS):
            growth = sum(count * math.log1p(bet * (d + margin)) for d, count in night.differences)
            stakes[place] = min((1 + stakes[place]) * math.exp(min(growth, 600.0)), 1e300)
    return sum(stakes) / len(BETS)


def countable_nights(
    earlier: Iterable[NightEvidence],
    *,
    tonight: NightEvidence,
    since: str,
    withdrawn: Sequence[str],
    nights: int,
) -> tuple[NightEvidence, ...]:
    """Earlier nights and tonight as far as they count, oldest first.

    They are about the same model, recipe and basis; after the day `since` on which the model in service was made, and
    after every candidate in `withdrawn` (content digests): a rollback says that the evidence for it was wrong. Of a
    night that is made again, tonight's evidence replaces the earlier one.
    """
    first = (date.fromisoformat(tonight.day) - timedelta(days=nights - 1)).isoformat()
    known = {night.day: night for night in earlier if night.day < tonight.day}
    barred = max((day for day, night in known.items() if night.candidate in withdrawn), default="")
    same = (tonight.against, tonight.recipe, tonight.basis)
    kept = [
        night
        for day, night in sorted(known.items())
        if day >= first and day > max(since, barred) and (night.against, night.recipe, night.basis) == same
    ]
    return (*kept, *([tonight] if tonight.day > since else []))
