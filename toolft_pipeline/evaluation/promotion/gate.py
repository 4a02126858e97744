"""The gate: whether a candidate may replace the model in service.

Invariant: a pure function of stored metrics and of the evidence of earlier nights. Every objection is listed, not only
the first, and a candidate that is not shown to be good enough is refused: when in doubt, the champion stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolft_pipeline.evaluation.promotion.challenge import Challenge, challenge, grounds, not_shown_better
from toolft_pipeline.evaluation.promotion.first_model import incumbent_note, not_good_enough_to_start
from toolft_pipeline.evaluation.promotion.kept_abilities import ComparedAbilities, lost_abilities
from toolft_pipeline.evaluation.promotion.model_registry import withdrawn_reason
from toolft_pipeline.evaluation.promotion.nights import level_of
from toolft_pipeline.evaluation.promotion.paired import Basis, basis_of, scores_of
from toolft_pipeline.evaluation.promotion.thresholds import GATED, beyond_thresholds, few_tasks, unproven
from toolft_pipeline.evaluation.promotion.verdict import (
    CandidateStatus,
    ChampionResult,
    GateVerdict,
    PastNights,
    ServedFigures,
)
from toolft_pipeline.evaluation.scoring.intervals import smallest_visible_difference, wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings

__all__ = ["GATED", "CandidateStatus", "ChampionResult", "GateVerdict", "PastNights", "decide_promotion"]


def decide_promotion(
    *,
    candidate: ModelMetrics,
    candidate_status: CandidateStatus,
    champion: ChampionResult | None,
    gate: GateSettings,
    shadow: ModelMetrics | None = None,
    base: ModelMetrics | None = None,
    past: PastNights = PastNights(),  # noqa: B008  # frozen
    abilities: ComparedAbilities | None = None,
) -> GateVerdict:
    """Decide on a candidate by the thresholds and the comparison with the model in service.

    The thresholds and the floor of a first model are held against what is served, and the `candidate` alone is compared
    with other models. `shadow` has its metrics on the newest day's verified runs, if there are any; `base` those of the
    untuned base, which a first model must beat; `past` is what earlier nights' verdicts say; `abilities` are the
    answers to the questions outside the agent's job.
    """
    basis = basis_of(candidate)
    served = candidate_status.served
    judged = candidate if served is None else served.metrics
    found = None
    if champion is not None:
        found = challenge(
            candidate, champion, basis=basis, status=candidate_status, shadow=shadow, past=past, gate=gate
        )
    level = level_of(gate.wrong_promotions_per_year)
    objections = [
        *few_tasks(judged, basis=basis, gate=gate),
        *unproven(candidate_status.proofs, candidate_status.lineage_gaps),
        *candidate_status.objections,
        *beyond_thresholds(judged, basis=basis, gate=gate),
        *lost_abilities(abilities, gate=gate),
        *_not_the_next(candidate_status, champion),
        *_shadow_objections(shadow, basis=basis, gate=gate),
    ]
    if found is None:
        objections += not_good_enough_to_start(candidate, base, served=judged, basis=basis, gate=gate, level=level)
    else:
        objections += not_shown_better(found, gate=gate)
    n_tasks = len(scores_of(candidate, basis)) if found is None else found.paired.n_tasks
    paired = None if found is None else found.paired
    return GateVerdict(
        promote=not objections,
        reasons=tuple(objections) or tuple(_grounds(found, shadow, basis=basis)),
        n_tasks=n_tasks,
        smallest_visible_difference=(
            smallest_visible_difference(n_tasks, level=level) if paired is None else paired.smallest_visible_difference
        ),
        margin=gate.margin,
        difference=None if paired is None else paired.difference,
        wins=0 if paired is None else paired.wins,
        losses=0 if paired is None else paired.losses,
        p_value=None if paired is None else paired.p_value,
        against=None if champion is None else champion.content_digest,
        shadow=None if found is None else found.shadow,
        basis=basis,
        shown_better=not objections and (found is None or found.shown_better),
        evidence=0.0 if found is None else round(found.better if gate.margin == 0 else found.no_worse, 6),
        evidence_needed=0.0 if found is None else found.needed,
        nights=() if found is None else found.nights,
        notes=tuple(_notes(found, shadow, basis=basis, served=served)),
        judged=None if served is None else served.name,
    )


def _not_the_next(status: CandidateStatus, champion: ChampionResult | None) -> Iterator[str]:
    """A withdrawn model, or one that is older than the model in service."""
    if status.withdrawn is not None:
        yield withdrawn_reason(status.withdrawn)
    if champion is not None and status.as_of < champion.day:
        yield f"day {status.as_of} is before the champion's day {champion.day}; only newer models are promoted"


def _shadow_objections(shadow: ModelMetrics | None, *, basis: Basis, gate: GateSettings) -> Iterator[str]:
    """Too few runs of the newest day where the agent file asks for them, or too many that end otherwise."""
    scores = {} if shadow is None else scores_of(shadow, basis)
    if len(scores) < gate.shadow.min_runs:
        if gate.shadow.runs:
            found = f"shadow: {len(scores)} runs of the newest day can be replayed"
            yield f"{found}, gate.shadow.min_runs requires {gate.shadow.min_runs}"
        return
    if gate.shadow.runs == 0:
        return
    rate, wanted = wilson(sum(score == 1 for score in scores.values()), len(scores)), gate.shadow.task_success
    if rate.low < wanted:
        bound = f"its lower bound {rate.low:.1%} is below gate.shadow.task_success {wanted:.1%}"
        yield f"shadow: task success {rate.value:.1%}: {bound}"


def _grounds(found: Challenge | None, shadow: ModelMetrics | None, *, basis: Basis) -> Iterator[str]:
    """The grounds for a promotion."""
    if found is None:
        yield "every threshold is met, and no model is in service"
    else:
        yield "every threshold is met"
        yield from grounds(found)
    if shadow is not None and (scores := scores_of(shadow, basis)):
        done = sum(score == 1 for score in scores.values())
        yield f"shadow: {done} of {len(scores)} runs of the newest day ended as in production"


def _notes(
    found: Challenge | None, shadow: ModelMetrics | None, *, basis: Basis, served: ServedFigures | None
) -> Iterator[str]:
    """What the candidate was judged by, and what could not be looked at."""
    if served is not None:
        yield f"thresholds are held against {served.name}, as it is served; other models are compared without a net"
    yield f"judged by {basis}" + ("; without a sandbox no task is run" if basis is Basis.STEPS else "")
    if found is None:
        yield incumbent_note(shadow, basis=basis)
    elif not sum(night.n_runs for night in found.nights):
        yield "no fresh runs: only a large difference on the tasks can show a candidate to be better"
