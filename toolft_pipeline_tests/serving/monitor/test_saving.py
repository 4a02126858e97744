"""What the incumbent was spared, in tokens and money."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.serving.monitor.saving import SavedTurns, saved_cost, saved_turns
from toolft_pipeline.settings.readiness import IncumbentSettings
from toolft_pipeline_tests.serving.monitor.test_served_rates import row

PRICES = IncumbentSettings(price_per_million_prompt_tokens=3.0, price_per_million_completion_tokens=15.0)


@pytest.mark.parametrize("fields", [{"fault": "length"}, {"fallback": "incumbent"}, {"kept": False}], ids=str)
def test_turns_that_did_not_take_the_incumbents_place_save_nothing(fields: dict[str, Any]) -> None:
    found = saved_turns([row(catalog_tokens_saved=1000, **fields)])
    assert (found.turns, found.catalog_tokens, found.prompt_tokens) == (0, 0, 0)
    assert found.busy_ms == 50.0  # it kept the machine busy all the same


def test_turns_are_summed_without_their_time_in_the_queue() -> None:
    found = saved_turns([row(catalog_tokens_saved=900), row(queued_ms=20.0), row(invalid_arguments=1)])
    assert found == SavedTurns(turns=3, prompt_tokens=300, new_tokens=30, catalog_tokens=900, busy_ms=130.0)
    assert found.catalog_tokens_per_turn == 300.0


def test_cost_is_the_incumbents_less_the_machine() -> None:
    turns = SavedTurns(
        turns=1000, prompt_tokens=500_000, new_tokens=40_000, catalog_tokens=4_000_000, busy_ms=7_200_000.0
    )
    found = saved_cost([turns], PRICES, 1.5)
    assert found is not None
    assert found.catalog_cost == pytest.approx(12.0)
    assert found.incumbent_cost == pytest.approx(12.0 + 1.5 + 0.6)
    assert found.machine_cost == pytest.approx(3.0)
    assert found.cost_saved == pytest.approx(14.1 - 3.0)


@pytest.mark.parametrize("missing", ["price_per_million_prompt_tokens", "price_per_million_completion_tokens"])
def test_no_cost_without_both_prices(missing: str) -> None:
    assert saved_cost([SavedTurns(turns=1)], PRICES.model_copy(update={missing: None}), 1.0) is None
