"""Which entity an answer gives a value to, in the orders that people use."""

from __future__ import annotations

import pytest

from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.pairing import misplaced

STOCK = dict.fromkeys([("oak", "1210"), ("maple", "1760")], True)
PLACES = dict.fromkeys([("O-1", "Haarlem"), ("O-1", "ups"), ("O-2", "Dresden"), ("O-2", "dhl")], True)


@pytest.mark.parametrize(
    "answer",
    [
        "Oak 1210, maple 1760.",
        "1210 for the oak and 1760 for the maple.",
        "Oak and maple cost 1210 and 1760.",
        "Maple: 1760\nOak: 1210",
        "| laptop | price |\n|---|---|\n| oak | 1210 |\n| maple | 1760 |",
        "Oak costs 1210. Maple is dearer, at 1760.",
        "The oak costs 1210, the other one 1760.",
    ],
)
def test_values_at_their_own_entity_are_placed(answer: str) -> None:
    assert misplaced(STOCK, plain(answer)) == []


@pytest.mark.parametrize(
    "answer",
    [
        "Oak 1760, maple 1210.",
        "1760 for the oak and 1210 for the maple.",
        "Oak and maple cost 1760 and 1210.",
        "Maple: 1210\nOak: 1760",
        "| laptop | price |\n|---|---|\n| oak | 1760 |\n| maple | 1210 |",
        "Oak costs 1760.",
    ],
)
def test_values_at_another_entity_are_misplaced(answer: str) -> None:
    assert misplaced(STOCK, plain(answer)) != []


def test_several_values_of_an_entity_stay_together() -> None:
    right = plain("O-1 is with UPS in Haarlem; O-2 is in Dresden with DHL.")
    assert misplaced(PLACES, right) == []
    assert misplaced(PLACES, plain("Haarlem (O-1, UPS). Dresden (O-2, DHL).")) == []
    assert misplaced(PLACES, plain("O-1 is with DHL in Haarlem; O-2 is in Dresden with UPS.")) != []
