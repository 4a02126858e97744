"""One value in many spellings is found, and a value that only looks like it is not."""

from __future__ import annotations

import pytest

from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.written_values import conveys

SAME = [
    ("1250", "1,250 pieces"),
    ("1250", "1.250 Stück"),
    ("1250", "1 250 pièces"),
    ("1250", "1'250"),
    ("1250", "\u0661\u0662\u0665\u0660"),
    ("1250", "one thousand two hundred and fifty"),
    ("744", "744,00 €"),
    ("4", "only four left"),
    ("0", "none in south"),
    ("12", "a dozen"),
    ("21", "twenty-one"),
    ("T-3707", "ticket **t-3707**"),
    ("2026-10-03", "on 3 October 2026"),
    ("2026-10-03", "on October 3rd"),
    ("2026-10-03", "am 3. Oktober 2026"),
    ("2026-10-03", "le 3 octobre 2026"),
    ("2026-10-03", "03.10.2026"),
    ("2026-10-03", "10/03/26"),
    ("14:30", "at 2:30 pm"),
    ("14:30", "um 14.30 Uhr"),
    ("14:30", "à 14h30"),
    ("in_progress", "it is in progress"),
    ("thursday", "on Thu"),
    ("thursday", "am Donnerstag"),
    ("delivered", "wurde geliefert"),
    ("EUR", "€"),
    ("humble printer", "two humble printers"),
]
OTHER = [
    ("1250", "1,251"),
    ("1250", "12500"),
    ("4", "fourteen"),
    ("42", "forty-three"),
    ("T-3707", "T-37071"),
    ("T-3707", "T-3707-B"),
    ("2026-10-03", "4 October 2026"),
    ("2026-10-03", "3 October 2025"),
    ("14:30", "at 2:30"),
    ("paid", "unpaid"),
    ("thursday", "tuesday"),
    ("new", "renewed"),
]


@pytest.mark.parametrize(("value", "answer"), SAME)
def test_value_in_another_spelling_is_conveyed(value: str, answer: str) -> None:
    assert conveys(plain(answer), value)


@pytest.mark.parametrize(("value", "answer"), OTHER)
def test_value_that_only_looks_alike_is_not_conveyed(value: str, answer: str) -> None:
    assert not conveys(plain(answer), value)
