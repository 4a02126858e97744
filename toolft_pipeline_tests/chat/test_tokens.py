"""Ids and labels of rows against transformers' own path over the whole text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.chat.chat_rows import trajectory_rows
from toolft_pipeline.chat.conversation import openai_tools, template_messages, trajectory_messages
from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.tokens import NO_LOSS, RowEncoder
from toolft_pipeline.settings import CatalogMode, ChatSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.mark.parametrize("mode", list(CatalogMode))
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.trajectory_id)
def test_row_ids_and_mask_equal_apply_chat_template(
    shape: Trajectory, mode: CatalogMode, gemma: PreTrainedTokenizerBase, encoder: RowEncoder
) -> None:
    tools = openai_tools(CATALOG)
    (row,) = trajectory_rows(shape, chat_format=GEMMA3, chat=ChatSettings(catalog_mode=mode), tools=tools)
    ours = encoder.encode_row(row.pieces)
    theirs = gemma.apply_chat_template(
        template_messages(trajectory_messages(shape)),
        tools=tools,
        catalog_mode=mode.value,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    served = len(ours.input_ids)  # what follows the last trained turn is left out
    assert ours.input_ids == theirs["input_ids"][:served]
    assert [label != NO_LOSS for label in ours.labels] == [bool(mark) for mark in theirs["assistant_masks"][:served]]
    assert not any(theirs["assistant_masks"][served:])


@pytest.fixture(scope="module")
def both_ways(gemma: PreTrainedTokenizerBase, encoder: RowEncoder) -> Callable[[str], tuple[list[int], list[int]]]:
    """Our ids of a text and the tokenizer's own."""
    return lambda text: (encoder.encode(text), gemma(text, add_special_tokens=False)["input_ids"])


@given(text=st.lists(st.sampled_from(["\n", "\n" * 31, "\n" * 40, " ", "\t", "<b>", "é東", "a b", "<end_of_turn>"])))
@settings(deadline=None)
def test_encode_any_mixture_of_borders_equals_the_whole_text(
    text: list[str], both_ways: Callable[[str], tuple[list[int], list[int]]]
) -> None:
    ours, theirs = both_ways("".join(text))
    assert ours == theirs


def test_encode_memory_is_emptied_and_fills_again(
    gemma: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolft_pipeline.chat.tokens.CACHED_CHARACTERS", 20)
    small = RowEncoder(tokenizer=gemma, chat_format=GEMMA3)
    text = "one line of text\nanother line of text\none line of text"
    assert small.encode(text) == gemma(text, add_special_tokens=False)["input_ids"]
    assert sum(map(len, small._known)) <= 40
