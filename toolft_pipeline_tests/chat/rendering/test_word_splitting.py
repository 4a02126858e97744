"""Where text may be cut: the pieces are the text, and their ids are the whole text's ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.rendering.word_splitting import word_splitter
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="module")
def both_ways(gemma: PreTrainedTokenizerBase) -> Callable[[str], tuple[list[int], list[int]]]:
    """Ids of a text's pieces one after the other, and of the whole."""
    found = word_splitter(gemma)
    assert found is not None

    def encode(text: str) -> tuple[list[int], list[int]]:
        pieces = found.cut(text)
        assert "".join(pieces) == text
        return [token for piece in pieces for token in found.encode(piece)], gemma(text, add_special_tokens=False)[
            "input_ids"
        ]

    return encode


words = st.sampled_from(["a", "The", "tool_call", "12", "3.5", ">", "</", "</b>", "<b>", '{"id":', "\u00e9", "\u6771"])
spaces = st.sampled_from(["", " ", "  ", "   ", "\u2581", " \u2581", "\t", "\n", "\n\n", "\u00a0", "\u3000"])


@given(text=st.lists(words | spaces | st.text(max_size=4), max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_words_of_pieces_have_the_ids_of_the_whole(
    text: str, both_ways: Callable[[str], tuple[list[int], list[int]]]
) -> None:
    ours, theirs = both_ways(text)
    assert ours == theirs


def test_words_of_no_cut_where_a_piece_of_the_vocabulary_reaches_across(gemma: PreTrainedTokenizerBase) -> None:
    found = word_splitter(gemma)
    assert found is not None
    assert gemma.tokenize("> </") == [">\u2581</"]
    assert found.cut("one two> </b> three") == ["one", " two> </b> three"]


@pytest.mark.parametrize("format_name", ["qwen3", "llama3", "chatml"])
def test_words_of_tokenizer_with_a_split_of_its_own_has_none(format_name: str) -> None:
    assert word_splitter(stand_in(format_name)) is None


def test_words_of_added_token_with_a_space_has_none() -> None:
    tokenizer = stand_in("gemma4")
    assert word_splitter(tokenizer) is not None
    tokenizer.add_tokens(["two words"])
    word_splitter.cache_clear()
    assert word_splitter(tokenizer) is None
