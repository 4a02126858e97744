"""What a thousand tasks cost, by what they used: tokens of an endpoint, hours of a machine.

Invariant: usage is measured when a model is judged, prices are applied when a report is written, so that a price that
changes asks no model again.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import EvaluationSettings

_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, kw_only=True)
class ModelPrice:
    """Prices in one currency; 0 is not reckoned."""

    machine_hour: float = 0.0
    million_prompt_tokens: float = 0.0
    million_completion_tokens: float = 0.0


def model_price(name: str, settings: EvaluationSettings) -> ModelPrice:
    """The price of a model in a report: its endpoint's own, or the machine's on which everything else is judged."""
    endpoint = settings.endpoints.get(name)
    if endpoint is None:
        return ModelPrice(machine_hour=settings.machine_hour_price)
    return ModelPrice(
        machine_hour=endpoint.machine_hour_price,
        million_prompt_tokens=endpoint.price_per_million_prompt_tokens,
        million_completion_tokens=endpoint.price_per_million_completion_tokens,
    )


def with_cost(metrics: ModelMetrics, price: ModelPrice) -> ModelMetrics:
    """The same figures with `cost_per_1k_tasks` at these prices."""
    per_task = (
        price.machine_hour * metrics.busy_ms_per_task / _MS_PER_HOUR
        + price.million_prompt_tokens * metrics.prompt_tokens_per_task / 1e6
        + price.million_completion_tokens * metrics.new_tokens_per_task / 1e6
    )
    return replace(metrics, cost_per_1k_tasks=1000 * per_task)
