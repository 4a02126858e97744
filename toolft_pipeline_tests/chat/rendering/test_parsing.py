"""Reading an assistant turn: what a server reads, calls that are malformed, and the inverse of the template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.parsing import ParsedCall, parse_assistant
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.test_gemma3_template import call, values

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GOOD = '<tool_call>{"name": "f", "arguments": {"a": "</b> {x}"}}</tool_call>'


def test_parse_text_alone_has_no_calls() -> None:
    turn = parse_assistant("We open at nine.\n\nReally.<end_of_turn>", GEMMA3)
    assert (turn.text, turn.calls, turn.malformed) == ("We open at nine.\n\nReally.", (), ())


@pytest.mark.parametrize("stop", ["", "<end_of_turn>", "<end_of_turn>\n", "<eos>"])
def test_parse_text_and_calls_with_any_stop(stop: str) -> None:
    turn = parse_assistant(f"Wait.\n{GOOD}\n{GOOD}{stop}", GEMMA3)
    assert turn.text == "Wait."
    assert turn.calls == (ParsedCall(name="f", arguments_json='{"a": "</b> {x}"}'),) * 2
    assert turn.malformed == ()


def test_parse_argument_of_another_type_is_not_cast() -> None:
    turn = parse_assistant('<tool_call>{"name": "f", "arguments": {"n": "7"}}</tool_call>', GEMMA3)
    assert json.loads(turn.calls[0].arguments_json) == {"n": "7"}


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "f", "arguments": {"a": 1}}',  # never closed
        '<tool_call>{"name": "f", "arguments": {"a": 1}</tool_call>',  # a brace is missing
        '<tool_call>{"name": "f", "arguments": {"a"',  # cut by the length limit
        '<tool_call>{"name": "f"}</tool_call>',
        '<tool_call>{"name": 7, "arguments": {}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": "a=1"}</tool_call>',
        "<tool_call>[]</tool_call>",
        "<tool_call></tool_call>",
        '{"name": "f", "arguments": {}}</tool_call>',
        "I will now <tool_response>1</tool_response>",
        f"{GOOD}\n<tool_call>oops</tool_call>",
    ],
)
def test_parse_bad_call_is_malformed_and_not_none(text: str) -> None:
    turn = parse_assistant(text + "<end_of_turn>", GEMMA3)
    assert turn.malformed
    assert turn.calls == ()
    assert turn.text == text


def test_parse_malformed_lists_the_calls_as_written() -> None:
    turn = parse_assistant(f"{GOOD}\n<tool_call>oops</tool_call><end_of_turn>", GEMMA3)
    assert turn.malformed == (GOOD, "<tool_call>oops</tool_call>")


turns = st.tuples(
    st.text(max_size=20), st.lists(st.tuples(st.text(min_size=1), st.dictionaries(st.text(), values)), max_size=3)
)


@given(turn=turns)
def test_parse_is_the_inverse_of_the_template(turn: tuple[str, list[tuple[str, dict[str, Any]]]]) -> None:
    said, calls = turn
    message = {"role": "assistant", "content": said, "tool_calls": [call(*one) for one in calls]}
    text, spans = render([message], template=GEMMA3.template(catalog_mode=CatalogMode.NONE))
    parsed = parse_assistant(text[slice(*spans[0])], GEMMA3)
    assert parsed.malformed == ()
    assert [(one.name, json.loads(one.arguments_json)) for one in parsed.calls] == calls
    assert parsed.text == said.strip()


segments = st.sampled_from(
    [GOOD, "<tool_call>", "</tool_call>", "{}", '{"name": "f", "arguments": {}}', " text ", "\n"]
)


@given(written=st.lists(segments, max_size=5).map("".join))
def test_parse_agrees_with_the_saved_tokenizer_on_broken_turns(written: str, gemma: PreTrainedTokenizerBase) -> None:
    ours = parse_assistant(written, GEMMA3)
    try:
        message = gemma.parse_response(written + "<end_of_turn>", prefix="<bos><start_of_turn>model\n")
    except ValueError:
        assert ours.malformed
        return
    if "<" in message.get("content", ""):  # a marker left in the text: a server would show it to the user
        assert ours.malformed
        return
    assert ours.text == message.get("content", "")
    assert [json.loads(one.arguments_json) for one in ours.calls] == [
        one["function"]["arguments"] for one in message.get("tool_calls", [])
    ]
