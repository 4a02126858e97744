"""An id stands in place of the called one only if it has its shape and the turn knows no id of that shape."""

from __future__ import annotations

import pytest

from toolft_pipeline.verification.answers.other_subject import other_subject

ARGUMENTS = '{"order": "o-9609"}'
OWN = f'cancel the first one. {ARGUMENTS} {{"order": "o-9609", "customer": "c-6209"}}'


@pytest.mark.parametrize(
    "text", ["i cancelled o-9636, reason late.", "he cancelado o-17", "o-9636 is cancelled for c-6209."]
)
def test_another_id_of_the_same_shape_is_in_place_of_the_called_one(text: str) -> None:
    named = "o-17" if "o-17" in text else "o-9636"
    assert other_subject(text, arguments=ARGUMENTS, own=OWN) == (named, "o-9609")


@pytest.mark.parametrize(
    "text",
    [
        "done.",
        "i cancelled o-9609, o-9636 stays.",
        "the order of c-6209 is cancelled, 25 units are free.",
        "cancelled, see t-9609.",
        "your 2nd order is cancelled. \u2013 desk24",
        "i cancelled it for c-1234.",
    ],
)
def test_other_words_are_in_place_of_nothing(text: str) -> None:
    assert other_subject(text, arguments=ARGUMENTS, own=OWN) is None


def test_calls_without_an_id_are_about_none() -> None:
    assert other_subject("o-9636 is cancelled.", arguments='{"name": "maria"}', own="cancel hers") is None
