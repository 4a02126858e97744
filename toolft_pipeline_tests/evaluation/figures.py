"""Figures of a model as an evaluation would give them, from a handful of counts."""

from __future__ import annotations

from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics


def figures(passed: int, *, n: int = 100, right: int = 290, steps: int = 300, shift: int = 0) -> ModelMetrics:
    """The first `passed` of `n` tasks passed, or from task `shift` on; `right` of `steps` turns right."""
    good = wilson(right, steps)
    outcomes = {f"t{number:03}": shift <= number < shift + passed for number in range(n)}
    return ModelMetrics(
        n_steps=steps, n_call_steps=steps, n_tasks=n, parse_rate=wilson(steps, steps), right_tool=good,
        valid_arguments=good, hallucinated_tool=wilson(0, steps), exact_match=good, fuzzy_match=good,
        functional_match=good, functional_basis="similarity", task_success=wilson(passed, n), latency_ms_p50=1.0,
        latency_ms_p95=2.0, tokens_per_turn=3.0, cost_per_1k_tasks=0.0, catalog_tokens_saved_per_turn=0, failures={},
        by_category={}, by_tool={}, task_outcomes=outcomes,
    )  # fmt: skip
