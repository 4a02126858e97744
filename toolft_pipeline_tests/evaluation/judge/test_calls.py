"""Calls as values: what is equal, and how similar two turns are."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.evaluation.judge.calls import canonical_call, similarity

SAME = canonical_call("find", {"name": "Ada Lovelace"})
ALIKE = canonical_call("send", {"to": "ada@firma.de", "text": "Your parcel arrives on Monday."})
FAR = canonical_call("send", {"to": "-", "text": "?"})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, True),
        ({"a": 2}, {"a": 2.0}, True),
        ({"a": [2.0, 3]}, {"a": [2, 3.0]}, True),
        ({"a": 2}, {"a": 2.5}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "2"}, {"a": 2}, False),
        ({"a": None}, {}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ],
)
def test_calls_are_equal_as_json(one: dict[str, Any], other: dict[str, Any], equal: bool) -> None:
    assert (canonical_call("find", one) == canonical_call("find", other)) == equal


def test_similarity_is_that_of_the_least_similar_pair() -> None:
    alone = similarity([FAR], [ALIKE])
    assert 0.0 < alone < 0.6
    assert similarity([SAME, FAR], [SAME, ALIKE]) == alone
    assert similarity([FAR, SAME], [ALIKE, SAME]) == alone
    assert similarity([SAME, ALIKE], [ALIKE, SAME]) == 1.0


@pytest.mark.parametrize("made", [[SAME], [SAME, SAME], [SAME, ALIKE, ALIKE], []])
def test_similarity_of_other_tools_or_numbers_of_calls_is_zero(made: list[Any]) -> None:
    assert similarity(made, [SAME, ALIKE]) == 0.0
    assert similarity([SAME, ALIKE], made) == 0.0
