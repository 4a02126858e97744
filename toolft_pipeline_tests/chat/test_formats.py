"""The registry, the classification of a tokenizer's added tokens, and control strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolft_pipeline.chat.formats import GEMMA3, get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormatError, TokenClass
from toolft_pipeline.settings import CatalogMode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def test_get_format_known_name_gives_the_format() -> None:
    assert get_format("gemma3") is GEMMA3


def test_get_format_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ChatFormatError, match=r"no chat format named 'gpt9'; known: .*gemma3"):
        get_format("gpt9")


def test_classify_every_added_token_of_gemma_has_a_class(gemma: PreTrainedTokenizerBase) -> None:
    classes = {token.content: GEMMA3.classify(token.content) for token in gemma.added_tokens_decoder.values()}
    assert len(classes) == 6384
    assert [token for token, kind in classes.items() if kind is None] == []
    # 6,249 special ones, [multimodal] and the two image borders
    assert sum(kind is TokenClass.CONTROL for kind in classes.values()) == 6252


def test_classify_unnamed_token_has_no_class() -> None:
    assert GEMMA3.classify("<|im_start|>") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain <b>text</b>\n\n\twith [brackets]", None),
        ("a <start_of_turn> in it", "<start_of_turn>"),
        ("<unused17>", "<unused"),
        ("say [multimodal]", "[multimodal]"),
        ("</tool_call>", "</tool_call>"),
        ("< end_of_turn>", None),
    ],
)
def test_contains_control_names_the_first_control_string(text: str, found: str | None) -> None:
    assert GEMMA3.first_control_string(text) == found


def test_template_bakes_in_the_catalog_mode() -> None:
    assert 'default("names")' in GEMMA3.template(catalog_mode=CatalogMode.NAMES)
