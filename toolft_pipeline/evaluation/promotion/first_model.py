"""Objections to a candidate while no model is in service.

Invariant: the first model must clear a floor by itself, beat the untuned base, and repeat the incumbent's own runs
where they can be replayed. Those runs were accepted by verification, so the incumbent's success on them is 100 % by
selection: they show what the candidate would lose, never that it is better than the incumbent.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolft_pipeline.evaluation.promotion.paired import Basis, compare_pairs, differences_of, scores_of
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings


def not_good_enough_to_start(
    candidate: ModelMetrics,
    base: ModelMetrics | None,
    *,
    served: ModelMetrics,
    basis: Basis,
    gate: GateSettings,
    level: float,
) -> Iterator[str]:
    """The floor of task success of what is `served`, and the comparison of the candidate alone with the base at the
    one-sided `level`.
    """
    success, wanted = _success(served, basis), gate.first.task_success
    counted = "task success" if basis is Basis.ROLLOUTS else "tasks with every step right"
    if success.low < wanted:
        yield (
            f"a first model: {counted} {success.value:.1%}: its lower bound {success.low:.1%} is below "
            f"gate.first.task_success {wanted:.1%}"
        )
    if not gate.first.beats_base:
        return
    if base is None:
        yield (
            "a first model must beat the untuned base, and the report has none; add `base` to evaluation.compare, or "
            "set gate.first.beats_base to false"
        )
        return
    paired = compare_pairs(differences_of(scores_of(candidate, basis), scores_of(base, basis)), level=level)
    if paired.p_value > level:
        yield (
            f"a first model: {paired.wins} tasks won and {paired.losses} lost against the base, of {paired.n_tasks}: "
            f"that does not show it to be better (p = {paired.p_value:.4f}, at most {level:.4f} wanted)"
        )


def incumbent_note(shadow: ModelMetrics | None, *, basis: Basis) -> str:
    """What the incumbent's logged runs say about a first model."""
    scores = {} if shadow is None else scores_of(shadow, basis)
    if not scores:
        return "not compared with the incumbent: no verified run of the newest day was repeated"
    done = sum(score == 1 for score in scores.values())
    return (
        f"of {len(scores)} runs that the incumbent did and verification accepted, it does {done} "
        "(the incumbent's failures are not among them)"
    )


def _success(candidate: ModelMetrics, basis: Basis) -> Rate:
    if basis is Basis.ROLLOUTS:
        return candidate.task_success
    return wilson(sum(score == 1 for score in candidate.step_scores.values()), len(candidate.step_scores))
