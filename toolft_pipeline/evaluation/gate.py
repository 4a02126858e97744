"""Whether a candidate may take the place of the model in service.

Invariant: a pure function of figures that are stored; asked twice, it says the same. Every objection is listed, not
only the first, and a candidate that is not shown to be good enough stays out: doubt keeps the champion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolft_pipeline.evaluation.intervals import (
    SIGNIFICANCE,
    Rate,
    exact_mcnemar,
    paired_difference,
    smallest_visible_difference,
)
from toolft_pipeline.evaluation.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings


class Verdict(Struct, frozen=True, kw_only=True):
    """`reasons` are the objections, or, for a promotion, what it rests on.

    `difference` is the candidate's task success minus that of the model in service on the same tasks; None with no
    model in service.
    """

    promote: bool
    reasons: tuple[str, ...]
    n_tasks: int
    smallest_visible_difference: float
    difference: Rate | None = None
    wins: int = 0
    losses: int = 0
    p_value: float | None = None


def decide(
    *,
    candidate: ModelMetrics,
    in_service: ModelMetrics | None,
    gate: GateSettings,
    proofs: Mapping[str, bool],
    as_of: str,
    champion_day: str | None,
) -> Verdict:
    """Judge the candidate of day `as_of` (YYYY-MM-DD) against thresholds and the model in service.

    `proofs` are the checks of everything that the candidate was made from, by name; none at all is an objection.
    """
    objections = [
        *_thin_evidence(candidate, gate=gate),
        *_broken_proofs(proofs),
        *_below_thresholds(candidate, gate=gate),
    ]
    if champion_day is not None and as_of < champion_day:
        objections.append(f"day {as_of} lies before the champion's day {champion_day}; only newer models are promoted")
    if in_service is None:
        reasons = tuple(objections) or ("every threshold is cleared, and no model is in service",)
        return Verdict(
            promote=not objections,
            reasons=reasons,
            n_tasks=candidate.n_tasks,
            smallest_visible_difference=smallest_visible_difference(candidate.n_tasks),
        )
    shared = sorted(candidate.task_outcomes.keys() & in_service.task_outcomes.keys())
    ours = [candidate.task_outcomes[task] for task in shared]
    theirs = [in_service.task_outcomes[task] for task in shared]
    wins = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    losses = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    difference = paired_difference(ours, theirs)
    p_value = exact_mcnemar(wins, losses)
    objections += _not_better(len(shared), wins=wins, losses=losses, p_value=p_value, gate=gate)
    reasons = tuple(objections) or (
        "every threshold is cleared",
        f"{wins} tasks won and {losses} lost against the model in service, of {len(shared)} (p = {p_value:.3f})",
    )
    return Verdict(
        promote=not objections,
        reasons=reasons,
        n_tasks=len(shared),
        smallest_visible_difference=smallest_visible_difference(len(shared)),
        difference=difference,
        wins=wins,
        losses=losses,
        p_value=p_value,
    )


def _thin_evidence(candidate: ModelMetrics, *, gate: GateSettings) -> Iterator[str]:
    if candidate.n_tasks < gate.min_tasks:
        yield f"{candidate.n_tasks} tasks were run, gate.min_tasks wants {gate.min_tasks}; add evaluation tasks"


def _broken_proofs(proofs: Mapping[str, bool]) -> Iterator[str]:
    if not proofs:
        yield "no proof came with the candidate; its lineage is incomplete"
    for name, holds in sorted(proofs.items()):
        if not holds:
            yield f"the proof {name} does not hold"


def _below_thresholds(candidate: ModelMetrics, *, gate: GateSettings) -> Iterator[str]:
    thresholds = {
        "parse_rate": (candidate.parse_rate, gate.parse_rate),
        "right_tool": (candidate.right_tool, gate.right_tool),
        "valid_arguments": (candidate.valid_arguments, gate.valid_arguments),
        "task_success": (candidate.task_success, gate.task_success),
    }
    for name, (rate, wanted) in thresholds.items():
        if rate.low < wanted:
            yield f"{name} {rate.value:.1%}: its lower bound {rate.low:.1%} is below gate.{name} {wanted:.1%}"


def _not_better(n: int, *, wins: int, losses: int, p_value: float, gate: GateSettings) -> Iterator[str]:
    """Objections of the paired comparison. With a margin of 0 a tie keeps the champion; with one, ties may pass."""
    if n < gate.min_tasks:
        yield f"only {n} tasks are shared with the model in service, {gate.min_tasks} wanted; evaluate it on them too"
        return
    difference = (wins - losses) / n
    found = f"{wins} tasks won and {losses} lost against the model in service"
    if losses > wins and p_value < SIGNIFICANCE:
        yield f"a regression: {found} (p = {p_value:.3f})"
    elif difference <= -gate.margin:
        tie = "a tie keeps the champion" if wins == losses else f"worse by {-difference:.1%}"
        yield f"{found}: {tie} at gate.margin {gate.margin:.1%}"
