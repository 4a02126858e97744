"""The candidate's and the base's answers outside the agent's job, for the gate.

Invariant: the base is the model that the candidate was trained from; under which prompt it was evaluated plays no part,
because these questions replace the agent's prompt.
"""

from __future__ import annotations

from collections.abc import Mapping

from toolft_pipeline.evaluation.promotion.kept_abilities import ComparedAbilities, ability_answers
from toolft_pipeline.evaluation.report.report_content import CANDIDATE
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BfclResults

BASES = ("base", "base_catalog")
"""The names in `evaluation.compare` under which the base is evaluated."""


def compared_abilities(
    metrics: Mapping[str, ModelMetrics], bfcl: Mapping[str, BfclResults]
) -> ComparedAbilities:  # fmt: skip
    """The answers of both models; `bfcl` is empty where the agent file does not ask for it."""
    base = next((name for name in BASES if name in metrics), None)
    asked = next((bfcl[name].irrelevance for name in BASES if name in bfcl), {}) if bfcl else None
    return ComparedAbilities(
        candidate=ability_answers(metrics[CANDIDATE], irrelevance=bfcl[CANDIDATE].irrelevance if bfcl else None),
        base=None if base is None else ability_answers(metrics[base], irrelevance=asked),
    )
