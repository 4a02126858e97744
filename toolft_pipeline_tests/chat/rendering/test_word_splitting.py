"""Words of a text: joined they are the text, and their ids are the ids of the whole text."""

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
    """Ids of a text encoded word by word, and as a whole."""
    splitter = word_splitter(gemma)
    assert splitter is not None

    def encode(text: str) -> tuple[list[int], list[int]]:
        words = splitter.split(text)
        assert "".join(words) == text
        ids: list[int] = gemma(text, add_special_tokens=False)["input_ids"]
        return [token for word in words for token in splitter.encode(word)], ids

    return encode


words = st.sampled_from(["a", "The", "tool_call", "12", "3.5", ">", "</", "</b>", "<b>", '{"id":', "\u00e9", "\u6771"])
spaces = st.sampled_from(["", " ", "  ", "   ", "\u2581", " \u2581", "\t", "\n", "\n\n", "\u00a0", "\u3000"])


@given(text=st.lists(words | spaces | st.text(max_size=4), max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_split_words_have_the_ids_of_the_whole_text(
    text: str, both_ways: Callable[[str], tuple[list[int], list[int]]]
) -> None:
    ours, theirs = both_ways(text)
    assert ours == theirs


def test_split_does_not_cut_inside_a_token_of_the_vocabulary(gemma: PreTrainedTokenizerBase) -> None:
    splitter = word_splitter(gemma)
    assert splitter is not None
    assert gemma.tokenize("> </") == [">\u2581</"]
    assert splitter.split("one two> </b> three") == ["one", " two> </b> three"]


@pytest.mark.parametrize("format_name", ["qwen3", "llama3", "chatml"])
def test_word_splitter_with_a_pre_tokenizer_is_none(format_name: str) -> None:
    assert word_splitter(stand_in(format_name)) is None


def test_word_splitter_with_an_added_token_with_a_space_is_none() -> None:
    tokenizer = stand_in("gemma4")
    assert word_splitter(tokenizer) is not None
    tokenizer.add_tokens(["two words"])
    word_splitter.cache_clear()
    assert word_splitter(tokenizer) is None
