"""Ids of a text against transformers' own path over the whole of it; test_conformance has whole rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.tokens import RowEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="module")
def both_ways(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> Callable[[str], tuple[list[int], list[int]]]:
    """Our ids of a text and the tokenizer's own."""
    return lambda text: (encoder.encode(text), gemma(text, add_special_tokens=False)["input_ids"])


@given(
    text=st.lists(
        st.sampled_from(["\n", "\n" * 31, "\n" * 40, " ", "\t", "<b>", "é東", "a b", " 12", ">", "</", "<end_of_turn>"])
    )
)
@settings(deadline=None)
def test_encode_any_mixture_of_borders_equals_the_whole_text(
    text: list[str], both_ways: Callable[[str], tuple[list[int], list[int]]]
) -> None:
    ours, theirs = both_ways("".join(text))
    assert ours == theirs


openings = ["You help." + " All day long." * 200, "\nTools:\n" + '{"name": "f"}\n' * 200 + "\n"]
endings = st.sampled_from(["\n", "\n\n", "x", " x", "> </b>", "<end_of_turn>", "", "{"])


@given(texts=st.lists(st.tuples(st.sampled_from(["", *openings, "".join(openings)]), st.lists(endings)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_encode_with_a_shared_opening_equals_the_whole_text(
    texts: list[tuple[str, list[str]]], both_ways: Callable[[str], tuple[list[int], list[int]]]
) -> None:
    for opening, ending in texts:
        ours, theirs = both_ways(opening + "".join(ending))
        assert ours == theirs


def test_encode_memory_is_emptied_and_fills_again(
    gemma: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolft_pipeline.chat.rendering.tokens.CACHE_LIMIT_CHARACTERS", 20)
    small = RowEncoder(tokenizer=gemma, chat_format=GEMMA3)
    text = "one line of text\nanother line of text\none line of text"
    assert small.encode(text) == gemma(text, add_special_tokens=False)["input_ids"]
    assert sum(map(len, small._cache)) <= 40
