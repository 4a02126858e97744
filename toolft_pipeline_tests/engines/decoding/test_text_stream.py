"""Streamed text is the whole text, part by part, and never takes anything back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding.text_stream import TextStream
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KINDS = {"bytes as a last resort": "gemma4", "bytes everywhere": "qwen3"}
TEXT = 'Zürich 👩‍👩‍👧 東京 "naïve" <tool_call>{"a": "é"}</tool_call> 🇨🇭 \n\n ok'


@pytest.fixture(scope="module", params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return stand_in(KINDS[request.param])


def parts(rule: StopRule, tokens: list[int]) -> Iterator[str]:
    """The parts of a generation that ends where the rule says, or with the last token."""
    stream, written = TextStream(rule), []
    for token in tokens:
        written.append(token)
        if rule.ends(written) or len(written) == len(tokens):
            yield stream.rest(written)
            return
        yield stream.more(written)


def test_parts_hold_whole_characters(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    given_out = list(parts(StopRule(tokenizer, ()), tokens))
    assert "".join(given_out) == tokenizer.decode(tokens, skip_special_tokens=False)
    assert not any("\ufffd" in part for part in given_out)
    assert sum(map(bool, given_out)) > 20, "text flows while it is written"


@settings(max_examples=100)
@given(data=st.data())
def test_any_tokens_give_the_text_of_evaluation(tokenizer: PreTrainedTokenizerBase, data: st.DataObject) -> None:
    """Random tokens: invalid bytes, half characters, control tokens, stops of several characters."""
    text_tokens = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    any_token = st.sampled_from(text_tokens) | st.integers(0, len(tokenizer) - 1)
    tokens = data.draw(st.lists(any_token, min_size=1, max_size=24))
    whole = tokenizer.decode(tokens, skip_special_tokens=False)
    at = st.integers(0, max(0, len(whole) - 1))
    stops = [
        whole[start : start + length]
        for start, length in data.draw(st.lists(st.tuples(at, st.integers(1, 5)), max_size=2))
    ]
    rule = StopRule(tokenizer, [stop for stop in stops if stop])
    written = list(tokens)
    for count in range(1, len(tokens) + 1):
        if rule.ends(tokens[:count]):
            written = tokens[:count]
            break
    given_out = "".join(parts(rule, tokens))
    assert given_out == rule.text(written)


def test_nothing_of_a_stop_text_is_given_out(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenizer("one\nUser: two", add_special_tokens=False)["input_ids"]
    rule = StopRule(tokenizer, ("\nUser:",))
    for part in parts(rule, tokens):
        assert "\n" not in part
    assert "".join(parts(rule, tokens)).strip() == "one"
    almost = tokenizer("one\nUsers", add_special_tokens=False)["input_ids"]
    assert "".join(parts(rule, almost)) == tokenizer.decode(almost), "what only begins like a stop is text"
