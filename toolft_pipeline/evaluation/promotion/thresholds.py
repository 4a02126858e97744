"""Objections to a candidate by itself: too few tasks, red proofs, figures beyond their thresholds.

Invariant: a rate is held against its threshold at the worse end of its interval, and every miss is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toolft_pipeline.evaluation.promotion.paired import Basis, scores_of
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics
from toolft_pipeline.settings import GateSettings

GATED = tuple(name for name in GateSettings.model_fields if name in METRICS)
"""Metrics with a threshold: those for which `gate` has a setting of the same name."""


def few_tasks(candidate: ModelMetrics, *, basis: Basis, gate: GateSettings) -> Iterator[str]:
    """Too few tasks to judge by."""
    n = len(scores_of(candidate, basis))
    if n < gate.min_tasks:
        yield f"{n} tasks were run, gate.min_tasks requires {gate.min_tasks}; add evaluation tasks"


def unproven(proofs: Mapping[str, bool], lineage_gaps: Sequence[str]) -> Iterator[str]:
    """Red or missing proofs, and inputs that do not resolve."""
    if not proofs:
        yield "the candidate has no proofs; materialize token_tensors and merged_model again"
    for name, holds in sorted(proofs.items()):
        if not holds:
            yield f"the proof {name} failed"
    for gap in lineage_gaps:
        yield f"its lineage is incomplete: {gap}"


def beyond_thresholds(candidate: ModelMetrics, *, basis: Basis, gate: GateSettings) -> Iterator[str]:
    """Each rate whose interval is not on the right side of its threshold."""
    for name in GATED:
        rate, wanted = getattr(candidate, name), getattr(gate, name)
        if name == "task_success" and basis is Basis.STEPS:
            if wanted > 0:
                yield f"{name} cannot be measured without a sandbox; configure `sandbox`, or set gate.{name} to 0"
        elif METRICS[name].higher_is_better and rate.low < wanted:
            yield f"{name} {rate.value:.1%}: its lower bound {rate.low:.1%} is below gate.{name} {wanted:.1%}"
        elif not METRICS[name].higher_is_better and rate.high > wanted:
            yield f"{name} {rate.value:.1%}: its upper bound {rate.high:.1%} is above gate.{name} {wanted:.1%}"
