"""The gate: whether a candidate may replace the model in service.

Invariant: a pure function of stored metrics. Every objection is listed, not only the first, and a candidate that is not
shown to be good enough is refused: when in doubt, the champion stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from toolft_pipeline.evaluation.promotion.model_registry import withdrawn_reason
from toolft_pipeline.evaluation.scoring.intervals import (
    SIGNIFICANCE,
    Rate,
    exact_mcnemar,
    paired_difference,
    smallest_visible_difference,
)
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics
from toolft_pipeline.settings import GateSettings

GATED = tuple(name for name in GateSettings.model_fields if name in METRICS)
"""Metrics with a threshold: those for which `gate` has a setting of the same name."""


class PairedComparison(Struct, frozen=True, kw_only=True):
    """The candidate and the model in service on the same tasks.

    `difference` is the candidate's share of passed tasks minus the other's; `p_value` is from the exact paired test.
    """

    n_tasks: int
    difference: Rate
    wins: int
    losses: int
    p_value: float
    smallest_visible_difference: float


class GateVerdict(Struct, frozen=True, kw_only=True):
    """The gate's decision on a candidate.

    `reasons` are the objections, or the grounds for a promotion. `n_tasks` and `smallest_visible_difference` refer to
    the tasks that both models ran or, with no model in service, to the candidate's. `against` is the content digest of
    the model in service that it was compared with.
    """

    promote: bool
    reasons: tuple[str, ...]
    n_tasks: int
    smallest_visible_difference: float
    margin: float = 0.0
    difference: Rate | None = None
    wins: int = 0
    losses: int = 0
    p_value: float | None = None
    against: str | None = None
    shadow: PairedComparison | None = None


@dataclass(frozen=True, kw_only=True)
class CandidateStatus:
    """Everything the gate needs about the candidate besides its metrics.

    `proofs` are the checks of what it was made from, by name; `lineage_gaps` are inputs that do not resolve;
    `withdrawn` is when a rollback took this model out of service.
    """

    as_of: str
    proofs: Mapping[str, bool]
    lineage_gaps: Sequence[str] = ()
    withdrawn: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChampionResult:
    """The model in service: its as-of day, its content digest, its metrics on the tasks and on the shadow's runs."""

    day: str
    content_digest: str
    metrics: ModelMetrics
    shadow: ModelMetrics | None = None


def decide_promotion(
    *,
    candidate: ModelMetrics,
    candidate_status: CandidateStatus,
    champion: ChampionResult | None,
    gate: GateSettings,
    shadow: ModelMetrics | None = None,
) -> GateVerdict:
    """Decide on a candidate by the thresholds and the comparison with the model in service.

    `shadow` has the candidate's metrics on the newest day's verified runs, if the shadow gate is on.
    """
    objections = [
        *_thin_evidence(candidate, gate=gate),
        *_unproven(candidate_status),
        *_below_thresholds(candidate, gate=gate),
    ]
    if candidate_status.withdrawn is not None:
        objections.append(withdrawn_reason(candidate_status.withdrawn))
    if champion is not None and candidate_status.as_of < champion.day:
        objections.append(
            f"day {candidate_status.as_of} is before the champion's day {champion.day}; only newer models are promoted"
        )
    paired = None if champion is None else compare_pairs(candidate.task_outcomes, champion.metrics.task_outcomes)
    if paired is not None:
        objections += _not_better(paired, gate=gate)
    objections += _shadow_objections(shadow, champion, gate=gate)
    n_tasks = candidate.n_tasks if paired is None else paired.n_tasks
    shadow_rival = None if champion is None else champion.shadow
    return GateVerdict(
        promote=not objections,
        reasons=tuple(objections) or tuple(_grounds(paired, shadow, gate=gate)),
        n_tasks=n_tasks,
        smallest_visible_difference=smallest_visible_difference(n_tasks),
        margin=gate.margin,
        difference=None if paired is None else paired.difference,
        wins=0 if paired is None else paired.wins,
        losses=0 if paired is None else paired.losses,
        p_value=None if paired is None else paired.p_value,
        against=None if champion is None else champion.content_digest,
        shadow=None
        if shadow is None or shadow_rival is None
        else compare_pairs(shadow.task_outcomes, shadow_rival.task_outcomes),
    )


def compare_pairs(ours: Mapping[str, bool], theirs: Mapping[str, bool]) -> PairedComparison:
    """Run the paired test over the tasks that both models ran."""
    shared = sorted(ours.keys() & theirs.keys())
    difference = paired_difference([ours[task] for task in shared], [theirs[task] for task in shared])
    wins = sum(ours[task] and not theirs[task] for task in shared)
    losses = sum(theirs[task] and not ours[task] for task in shared)
    return PairedComparison(
        n_tasks=len(shared),
        difference=difference,
        wins=wins,
        losses=losses,
        p_value=exact_mcnemar(wins, losses),
        smallest_visible_difference=smallest_visible_difference(len(shared)),
    )


def _thin_evidence(candidate: ModelMetrics, *, gate: GateSettings) -> Iterator[str]:
    if candidate.n_tasks < gate.min_tasks:
        yield f"{candidate.n_tasks} tasks were run, gate.min_tasks requires {gate.min_tasks}; add evaluation tasks"


def _unproven(candidate_status: CandidateStatus) -> Iterator[str]:
    if not candidate_status.proofs:
        yield "the candidate has no proofs; materialize token_tensors and merged_model again"
    for name, holds in sorted(candidate_status.proofs.items()):
        if not holds:
            yield f"the proof {name} failed"
    for gap in candidate_status.lineage_gaps:
        yield f"its lineage is incomplete: {gap}"


def _below_thresholds(candidate: ModelMetrics, *, gate: GateSettings) -> Iterator[str]:
    for name in GATED:
        rate, wanted = getattr(candidate, name), getattr(gate, name)
        if rate.low < wanted:
            yield f"{name} {rate.value:.1%}: its lower bound {rate.low:.1%} is below gate.{name} {wanted:.1%}"


def _not_better(paired: PairedComparison, *, gate: GateSettings) -> Iterator[str]:
    """Objections from the paired comparison.

    With a margin of 0 the exact test must show the candidate to be better. With a margin, the lower bound of the
    difference must show that it is worse by less than the margin.
    """
    if paired.n_tasks < gate.min_tasks:
        yield (
            f"only {paired.n_tasks} tasks are shared with the model in service, {gate.min_tasks} required; "
            "evaluate it on them too"
        )
        return
    counts, p_value = _counts(paired), _p(paired)
    if _is_regression(paired):
        yield f"a regression: {counts} ({p_value})"
    elif gate.margin > 0 and paired.difference.low <= -gate.margin:
        worst = f"it may be worse by {-paired.difference.low:.1%}, gate.margin allows {gate.margin:.1%}"
        yield f"{counts}: {worst}; {_visible(paired)}"
    elif gate.margin == 0 and paired.wins == paired.losses:
        yield f"{counts}: a tie keeps the champion (gate.margin 0); {_visible(paired)}"
    elif gate.margin == 0 and (paired.wins < paired.losses or paired.p_value >= SIGNIFICANCE):
        yield f"{counts}: that does not show it to be better ({p_value}, gate.margin 0); {_visible(paired)}"


def _shadow_objections(
    shadow: ModelMetrics | None, champion: ChampionResult | None, *, gate: GateSettings
) -> Iterator[str]:
    if not gate.shadow.runs:
        return
    if shadow is None or shadow.n_tasks < gate.shadow.min_runs:
        n = 0 if shadow is None else shadow.n_tasks
        required = gate.shadow.min_runs
        yield f"shadow: {n} runs of the newest day can be replayed, gate.shadow.min_runs requires {required}"
        return
    rate, wanted = shadow.task_success, gate.shadow.task_success
    if rate.low < wanted:
        bound = f"its lower bound {rate.low:.1%} is below gate.shadow.task_success {wanted:.1%}"
        yield f"shadow: task success {rate.value:.1%}: {bound}"
    if champion is not None and champion.shadow is not None:
        paired = compare_pairs(shadow.task_outcomes, champion.shadow.task_outcomes)
        if _is_regression(paired):
            yield f"shadow: a regression on the newest day's runs: {_counts(paired)} ({_p(paired)})"


def _is_regression(paired: PairedComparison) -> bool:
    return paired.losses > paired.wins and paired.p_value < SIGNIFICANCE


def _grounds(paired: PairedComparison | None, shadow: ModelMetrics | None, *, gate: GateSettings) -> Iterator[str]:
    """The grounds for a promotion."""
    if paired is None:
        yield "every threshold is met, and no model is in service"
    else:
        yield "every threshold is met"
        yield f"{_counts(paired)}, of {paired.n_tasks} ({_p(paired)}, gate.margin {gate.margin:.1%})"
    if shadow is not None:
        passed = sum(shadow.task_outcomes.values())
        yield f"shadow: {passed} of {shadow.n_tasks} runs of the newest day ended as in production"


def _counts(paired: PairedComparison) -> str:
    return f"{paired.wins} tasks won and {paired.losses} lost against the model in service"


def _visible(paired: PairedComparison) -> str:
    return f"{paired.n_tasks} tasks can show a difference of {paired.smallest_visible_difference:.1%} at the least"


def _p(paired: PairedComparison) -> str:
    return "p < 0.001" if paired.p_value < 0.001 else f"p = {paired.p_value:.3f}"
