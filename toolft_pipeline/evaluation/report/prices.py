"""What a thousand tasks cost: tokens of an endpoint, hours of a machine, at the prices of the agent file.

Invariant: usage is measured when a model is evaluated, prices are applied when a report is written, so a changed price
evaluates no model again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolft_pipeline.evaluation.scoring.metric import MS_PER_HOUR
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import EvaluationSettings


@dataclass(frozen=True, kw_only=True)
class ModelPrice:
    """Prices in one currency; 0 means that no price is set."""

    machine_hour: float = 0.0
    million_prompt_tokens: float = 0.0
    million_completion_tokens: float = 0.0


def model_price(name: str, settings: EvaluationSettings) -> ModelPrice:
    """The price of a model in a report: its endpoint's, or that of the machine which runs all other models."""
    endpoint = settings.endpoints.get(name)
    if endpoint is None:
        return ModelPrice(machine_hour=settings.machine_hour_price)
    return ModelPrice(
        machine_hour=endpoint.machine_hour_price,
        million_prompt_tokens=endpoint.price_per_million_prompt_tokens,
        million_completion_tokens=endpoint.price_per_million_completion_tokens,
    )


def with_cost(metrics: ModelMetrics, price: ModelPrice, *, fallback: ModelPrice | None = None) -> ModelMetrics:
    """Return the metrics with `cost_per_1k_tasks` at these prices; `fallback` is that of the endpoint behind a net."""
    per_task = (
        price.machine_hour * metrics.busy_ms_per_task / MS_PER_HOUR
        + price.million_prompt_tokens * metrics.prompt_tokens_per_task / 1e6
        + price.million_completion_tokens * metrics.new_tokens_per_task / 1e6
    )
    if fallback is not None:
        per_task += fallback.million_prompt_tokens * metrics.fallback_prompt_tokens_per_task / 1e6
        per_task += fallback.million_completion_tokens * metrics.fallback_new_tokens_per_task / 1e6
    return replace(metrics, cost_per_1k_tasks=1000 * per_task)
