"""The candidate against the model in service: is it shown to be better, or with a margin no worse?

Two ways, each with half of the year's budget of wrong promotions:
- tonight's tasks alone: the exact one-sided sign test at budget / (2 * 365), so that all nights of a year together
  promote by chance at most budget / 2 times. It finds large differences at once, and never needs fresh runs. The
  champion was chosen on these tasks and looks better on them than it is, which costs power and not safety.
- fresh runs over nights (`nights.py`): evidence of at least 2 * 365 / budget.

Invariant: with a margin the candidate is compared with the best champion of the window, not with the last one, so
margins never add up; and evidence of earlier candidates promotes tonight's only if its own tasks and runs are at most
half of the margin behind. Where every night is worse than the one before, earlier evidence flatters: with the whole
margin here, one simulated year of 40 lost 2.3 points at a margin of 2, with half of it none more than 1.8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from statistics import NormalDist

from toolft_pipeline.evaluation.promotion.nights import (
    NightEvidence,
    countable_nights,
    counted,
    evidence,
    evidence_needed,
    level_of,
)
from toolft_pipeline.evaluation.promotion.paired import (
    Basis,
    PairedComparison,
    compare_pairs,
    differences_of,
    mean_difference,
    scores_of,
)
from toolft_pipeline.evaluation.promotion.verdict import CandidateStatus, ChampionResult, PastNights
from toolft_pipeline.evaluation.scoring.intervals import SIGNIFICANCE
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """All comparisons of a candidate with the model in service, on one basis.

    `best` and `best_difference` are the comparison on the tasks with the best champion of the window;
    `best_difference` is its lower bound at the level of tonight's test.
    """

    paired: PairedComparison
    best: PairedComparison
    best_difference: float
    shadow: PairedComparison | None
    nights: tuple[NightEvidence, ...]
    level: float
    needed: float
    better: float
    no_worse: float
    margin: float
    balance: float

    @property
    def shown_better(self) -> bool:
        """Whether tonight's tasks or the nights show it to be better than the best champion."""
        return self.best.p_value <= self.level or self.better >= self.needed

    @property
    def shown_no_worse(self) -> bool:
        """Whether they show it to be worse by less than the margin."""
        return self.shown_better or (
            self.margin > 0 and (self.best_difference > -self.margin or self.no_worse >= self.needed)
        )


def challenge(
    candidate: ModelMetrics,
    champion: ChampionResult,
    *,
    basis: Basis,
    status: CandidateStatus,
    shadow: ModelMetrics | None,
    past: PastNights,
    gate: GateSettings,
) -> Challenge:
    """Compare a candidate with the model in service and with the best champion of the window."""
    level = level_of(gate.wrong_promotions_per_year)
    best = champion if champion.best is None or gate.margin == 0 else champion.best
    on_tasks = _differences(candidate, best.metrics, basis=basis)
    fresh = _differences(shadow, best.shadow, basis=basis, without=status.trained_on)
    nights = countable_nights(
        past.nights,
        tonight=NightEvidence(
            day=status.as_of, candidate=status.content_digest, against=best.content_digest, recipe=status.recipe,
            basis=basis, differences=counted(fresh),
        ),
        since=max(champion.day, best.day),
        withdrawn=past.withdrawn,
        nights=gate.evidence_nights,
    )  # fmt: skip
    with_best = compare_pairs(on_tasks, level=level)
    with_champion, on_shadow = with_best, None
    if best is not champion:
        with_champion = compare_pairs(_differences(candidate, champion.metrics, basis=basis), level=level)
    if shadow is not None and champion.shadow is not None:
        on_shadow = compare_pairs(_differences(shadow, champion.shadow, basis=basis), level=level)
    better, n = evidence(nights, margin=0.0), len(on_tasks) + len(fresh)
    return Challenge(
        paired=with_champion,
        best=with_best,
        best_difference=mean_difference(on_tasks, z=NormalDist().inv_cdf(1 - level)).low,
        shadow=on_shadow,
        nights=nights,
        level=level,
        needed=evidence_needed(gate.wrong_promotions_per_year),
        better=better,
        no_worse=evidence(nights, margin=gate.margin) if gate.margin else better,
        margin=gate.margin,
        balance=(sum(on_tasks) + sum(fresh)) / n if n else 0.0,
    )


def _differences(
    ours: ModelMetrics | None, theirs: ModelMetrics | None, *, basis: Basis, without: Collection[str] = ()
) -> list[float]:
    if ours is None or theirs is None:
        return []
    return differences_of(scores_of(ours, basis), scores_of(theirs, basis), without=without)


def not_shown_better(found: Challenge, *, gate: GateSettings) -> Iterator[str]:
    """Objections from the comparisons with the model in service and the best champion of the window."""
    paired = found.paired
    if paired.n_tasks < gate.min_tasks:
        yield (
            f"only {paired.n_tasks} tasks are shared with the model in service, {gate.min_tasks} required; "
            "evaluate it on them too"
        )
        return
    if _is_regression(paired):
        yield f"a regression: {paired.counts} ({_p(paired.p_worse)})"
    elif _is_regression(found.best):
        best = found.best
        yield f"a regression against the best champion of the window: {best.wins} tasks won and {best.losses} lost"
    elif not found.shown_no_worse:
        yield from _not_shown(found, gate=gate)
    elif found.balance < -gate.margin / 2:
        yield (
            f"earlier candidates were better, tonight's is behind on its own tasks and runs ({found.balance:+.1%}); "
            "the next candidate may pass"
        )
    if found.shadow is not None and _is_regression(found.shadow):
        shadow = found.shadow
        yield f"shadow: a regression on the newest day's runs: {shadow.counts} ({_p(shadow.p_worse)})"


def grounds(found: Challenge) -> Iterator[str]:
    """What shows the candidate to be better, or no worse."""
    paired = found.paired
    shown = "better" if found.shown_better else f"no worse than gate.margin {found.margin:.1%} allows"
    yield f"shown to be {shown}: {paired.counts}, of {paired.n_tasks} ({_p(paired.p_value)})"
    if found.nights:
        yield _over_nights(found)


def _not_shown(found: Challenge, *, gate: GateSettings) -> Iterator[str]:
    paired = found.paired
    if gate.margin > 0:
        worst = f"it may be worse by {-found.best_difference:.1%}, gate.margin allows {gate.margin:.1%}"
        yield f"{paired.counts}: {worst}; {_over_nights(found)}; {visible(paired)}"
    elif paired.wins == paired.losses:
        yield f"{paired.counts}: a tie keeps the champion (gate.margin 0); {_over_nights(found)}; {visible(paired)}"
    else:
        shown = f"that does not show it to be better ({_p(paired.p_value)}, at most {found.level:.4f} wanted)"
        yield f"{paired.counts}: {shown}; {_over_nights(found)}; {visible(paired)}"


def visible(paired: PairedComparison) -> str:
    """What this number of tasks can show, in words."""
    return (
        f"{paired.n_tasks} tasks show a difference of {paired.smallest_visible_difference:.1%} in one night with "
        "80 % power"
    )


def _over_nights(found: Challenge) -> str:
    n_runs = sum(night.n_runs for night in found.nights)
    if not n_runs:
        return "no fresh runs were compared"
    strength = found.better if found.margin == 0 else max(found.better, found.no_worse)
    mean = sum(night.balance for night in found.nights) / n_runs
    return (
        f"over {len(found.nights)} nights with {n_runs} fresh runs: {mean:+.1%}, evidence {strength:.1f} of "
        f"{found.needed:.0f}"
    )


def _is_regression(paired: PairedComparison) -> bool:
    return paired.p_worse < SIGNIFICANCE / 2


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
