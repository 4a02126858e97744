"""Faults of the official templates: each is shown on them, and that ours does not have it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jinja2 import TemplateError

from toolft_pipeline.chat.formats import CHATML, FORMATS, GEMMA4, LLAMA3, QWEN3
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.chat.rendering.rendering import render, render_rows
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.official import official_text, source

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
ASKED = {"role": "user", "content": "Both?"}


def calling(*arguments: Any, text: str = "", name: str = "f") -> dict[str, Any]:
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": value}}
        for number, value in enumerate(arguments)
    ]
    return {"role": "assistant", "content": text, "tool_calls": calls}


def result(text: str = "done", number: int = 0) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": text}


def text_of(chat_format: ChatFormat, messages: list[dict[str, Any]], **options: Any) -> str:
    return render(messages, template=chat_format.template(catalog_mode=CatalogMode.FULL), **options)[0]


def read_back(chat_format: ChatFormat, message: dict[str, Any]) -> tuple[str, list[tuple[str, Any]]]:
    text, spans = render([ASKED, message], template=chat_format.template(catalog_mode=CatalogMode.NONE))
    turn = parse_assistant(text[slice(*spans[0])], chat_format)
    assert turn.malformed == ()
    return turn.text, [(call.name, json.loads(call.arguments_json)) for call in turn.calls]


def test_gemma4_text_beside_a_call_stands_before_it() -> None:
    """The official template writes it behind the result, where the model never said it."""
    messages = [ASKED, calling({}, text="Let me see."), result(), {"role": "assistant", "content": "Yes."}]
    official = official_text("gemma4", messages)
    assert official.index("<tool_response|>") < official.index("Let me see.")
    assert "model\nLet me see.<|tool_call>call:f{}<tool_call|><|tool_response>" in text_of(GEMMA4, messages)


@pytest.mark.parametrize("chat_format", [GEMMA4, QWEN3], ids=lambda one: one.name)
def test_earlier_reasoning_is_trained_once(chat_format: ChatFormat) -> None:
    """The official templates drop it from the one text that they make: in training it is lost without a word."""
    messages = []
    for number in range(3):
        messages += [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
        messages[-1]["reasoning_content"] = f"thought {number}"
    assert official_text(chat_format.name, messages).count("thought ") == 1
    rows = render_rows(messages, chat_format=chat_format, catalog_mode=CatalogMode.NONE)
    trained = [segment.text for row in rows for segment in row.segments if segment.trained]
    assert [f"thought {number}" in text for number, text in enumerate(trained)] == [True] * 3
    for row in rows:  # and each is trained behind the prompt that the official template serves
        (place,) = row.message_indices
        context = "".join(segment.text for segment in row.segments[:-1])
        assert context == official_text(chat_format.name, messages[:place], add_generation_prompt=True)


def test_gemma4_delimited_key_is_read_back() -> None:
    arguments = {"a b": 1, "x-y": {"": True}, "plain_1": None}
    assert "{a b:1" in official_text("gemma4", [ASKED, calling(arguments)])
    assert read_back(GEMMA4, calling(arguments)) == ("", [("f", arguments)])


def test_gemma4_name_with_a_dot_or_a_dash_is_read_back() -> None:
    assert read_back(GEMMA4, calling({"n": 1}, name="mail.send-now")) == ("", [("mail.send-now", {"n": 1})])


def test_gemma4_reserved_parser_characters_are_replaced() -> None:
    assert read_back(GEMMA4, calling({"t": "a\x01b\x02"})) == ("", [("f", {"t": "a\u2401b\u2402"})])


def test_gemma4_answer_is_closed_before_another_answer() -> None:
    """The official template runs the two together: the first loses the end that the model wrote."""
    messages = [ASKED, {"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]
    assert "One.Two." in official_text("gemma4", messages)
    assert "One.<turn|>\n<|turn>model\nTwo.<turn|>" in text_of(GEMMA4, messages)


def test_gemma4_result_without_a_call_is_kept() -> None:
    assert "done" not in official_text("gemma4", [ASKED, result()])
    assert '<|tool_response>response:unknown{value:<|"|>done<|"|>}' in text_of(GEMMA4, [ASKED, result()])


def test_gemma4_parameters_without_a_type_close_their_brace() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"properties": {}}}}
    assert "parameters:{}<tool|>" in official_text("gemma4", [ASKED], tools=[tool])
    assert 'parameters:{type:<|"|>OBJECT<|"|>}}<tool|>' in text_of(GEMMA4, [ASKED], tools=[tool])


def test_gemma4_type_with_alternatives_is_a_list() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    assert "['STRING', 'NULL']" in official_text("gemma4", [ASKED], tools=[tool])
    assert 'type:[<|"|>STRING<|"|>,<|"|>NULL<|"|>]' in text_of(GEMMA4, [ASKED], tools=[tool])


def test_llama3_parallel_calls_are_read_back() -> None:
    with pytest.raises(TemplateError, match="single tool-calls"):
        official_text("llama3", [ASKED, calling({"n": 1}, {"n": 2})])
    tricky = {"t": '}; {"name": "g", "parameters": {}}'}
    assert read_back(LLAMA3, calling({"n": 1}, tricky)) == ("", [("f", {"n": 1}), ("f", tricky)])


def test_llama3_text_beside_a_call_is_kept() -> None:
    assert "Wait." not in official_text("llama3", [ASKED, calling({}, text="Wait.")])
    assert read_back(LLAMA3, calling({"n": 1}, text="Wait.")) == ("Wait.", [("f", {"n": 1})])


def test_llama3_text_that_begins_like_a_call_is_no_call() -> None:
    said = 'Send {"name": "f", "parameters": {}}'
    assert read_back(LLAMA3, {"role": "assistant", "content": said}) == (said.replace("{", "{ ", 1), [])


def test_llama3_date_stands_still() -> None:
    assert "strftime_now" in source("llama3_2.jinja")
    assert "Today Date: 26 Jul 2024\n" in text_of(LLAMA3, [ASKED])


def test_llama3_catalog_before_an_assistant_turn_keeps_messages() -> None:
    messages = [{"role": "assistant", "content": "Hello."}, ASKED]
    assert official_text("llama3", messages, tools=[TOOL]).count("assistant") == 0
    assert "Hello.<|eot_id|>" in text_of(LLAMA3, messages, tools=[TOOL])


def test_qwen3_answer_without_reasoning_is_trained_as_served() -> None:
    """The official template puts an empty reasoning block into the last turn, and takes it out of the history."""
    messages = [ASKED, {"role": "assistant", "content": "Yes."}]
    assert "<think>\n\n</think>\n\nYes." in official_text("qwen3", messages)
    assert "<think>" not in official_text("qwen3", [*messages, ASKED])
    assert "<think>" not in text_of(QWEN3, messages)


def test_qwen3_request_without_thinking_gets_the_trained_prompt() -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    template = QWEN3.template(catalog_mode=CatalogMode.NONE)
    (asked, *_), _ = render_jinja_template(
        [[ASKED]], chat_template=template, add_generation_prompt=True, enable_thinking=False
    )
    assert asked == text_of(QWEN3, [ASKED], add_generation_prompt=True)


@pytest.mark.parametrize("chat_format", [QWEN3, CHATML], ids=lambda one: one.name)
def test_qwen_answer_that_begins_with_a_newline_is_trimmed(chat_format: ChatFormat) -> None:
    """It would merge with the newline of the prompt: other ids in the next prompt than in training."""
    messages = [ASKED, {"role": "assistant", "content": "\n\nYes."}, ASKED]
    assert "assistant\n\n\nYes." in official_text(chat_format.name, messages)
    assert "assistant\nYes." in text_of(chat_format, messages)


@pytest.mark.parametrize("chat_format", [QWEN3, CHATML], ids=lambda one: one.name)
def test_qwen_content_in_parts_is_written(chat_format: ChatFormat) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert "Hel" not in official_text(chat_format.name, messages)
    assert "user\nHello<|im_end|>" in text_of(chat_format, messages)


def test_llama3_second_system_turn_stays_one_beside_a_catalog() -> None:
    """The official template takes whatever follows the first system turn for the first question."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Speak English."}, ASKED]
    spoken = "<|start_header_id|>system<|end_header_id|>\n\nSpeak English.<|eot_id|>"
    assert spoken not in official_text("llama3", messages, tools=[TOOL])
    assert spoken in text_of(LLAMA3, messages, tools=[TOOL])


@pytest.mark.parametrize("chat_format", [*FORMATS.values()], ids=lambda one: one.name)
def test_what_cannot_be_rendered_is_refused_by_name(chat_format: ChatFormat) -> None:
    unseen = "audio" if chat_format.images else "image"
    with pytest.raises(TemplateError, match=f"chat format {chat_format.name} .* of type {unseen}"):
        text_of(chat_format, [{"role": "user", "content": [{"type": unseen}]}])
    with pytest.raises(TemplateError, match=f"chat format {chat_format.name} .* of type image"):
        text_of(chat_format, [ASKED, {"role": "assistant", "content": [{"type": "image"}]}])
    with pytest.raises(TemplateError, match=f"chat format {chat_format.name} knows no role critic"):
        text_of(chat_format, [{"role": "critic", "content": "x"}])


def test_gemma4_arguments_as_text_are_refused_with_the_fix() -> None:
    with pytest.raises(TemplateError, match="decode the JSON text of a call first"):
        text_of(GEMMA4, [ASKED, calling('{"n": 1}')])
