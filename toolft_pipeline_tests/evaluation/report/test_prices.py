from __future__ import annotations

from dataclasses import replace

import pytest

from toolft_pipeline.evaluation.report.prices import ModelPrice, model_price, with_cost
from toolft_pipeline.settings import EndpointSettings, EvaluationSettings
from toolft_pipeline_tests.evaluation.figures import figures

USED = replace(figures(80), busy_ms_per_task=7_200.0, prompt_tokens_per_task=10_000.0, new_tokens_per_task=500.0)


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        (ModelPrice(), 0.0),
        (ModelPrice(machine_hour=1.5), 3.0),  # 7.2 s a task are 2 h for a thousand
        (ModelPrice(million_prompt_tokens=2.5), 25.0),
        (ModelPrice(million_completion_tokens=10.0), 5.0),
        (ModelPrice(machine_hour=1.5, million_prompt_tokens=2.5, million_completion_tokens=10.0), 33.0),
    ],
)
def test_priced_a_thousand_tasks_cost_what_their_tokens_and_hours_do(price: ModelPrice, cost: float) -> None:
    assert with_cost(USED, price).cost_per_1k_tasks == pytest.approx(cost)


def test_price_of_an_endpoint_is_its_own_and_of_all_others_the_machines() -> None:
    endpoint = EndpointSettings(base_url="https://x.example/v1", model="m", price_per_million_prompt_tokens=2.5)
    settings = EvaluationSettings(machine_hour_price=0.4, endpoints={"big": endpoint})
    assert model_price("big", settings) == ModelPrice(million_prompt_tokens=2.5)
    assert model_price("candidate", settings) == model_price("base", settings) == ModelPrice(machine_hour=0.4)
