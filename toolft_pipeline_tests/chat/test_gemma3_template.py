"""The template of gemma3: its text of each shape, and that content cannot inject its syntax."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.conversation import openai_tools
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG

TOOLS = openai_tools(CATALOG)


def text_of(messages: list[dict[str, Any]], mode: CatalogMode = CatalogMode.NONE, **options: Any) -> str:
    return render(messages, template=GEMMA3.template(catalog_mode=mode), **options)[0]


def call(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_template_whole_conversation_gives_the_documented_text() -> None:
    messages = [
        {"role": "system", "content": "Help."},
        {"role": "user", "content": "Both?"},
        {"role": "assistant", "content": "Sure.", "tool_calls": [call("f", {"a": 1}), call("g", {})]},
        {"role": "tool", "content": '{"x": 1}'},
        {"role": "tool", "content": ""},
        {"role": "assistant", "content": "Done."},
    ]
    assert text_of(messages) == (
        "<bos><start_of_turn>user\nHelp.\n\nBoth?<end_of_turn>\n"
        '<start_of_turn>model\nSure.\n<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>\n'
        '<tool_call>{"name": "g", "arguments": {}}</tool_call><end_of_turn>\n'
        '<start_of_turn>user\n<tool_response>{"x": 1}</tool_response>\n<tool_response></tool_response><end_of_turn>\n'
        "<start_of_turn>model\nDone.<end_of_turn>\n"
    )


def test_template_generation_marks_cover_answers_only() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    text, spans = render(messages, template=GEMMA3.template(catalog_mode=CatalogMode.NONE))
    assert [text[start:end] for start, end in spans] == ["b<end_of_turn>"]


def test_template_generation_prompt_opens_a_model_turn() -> None:
    text = text_of([{"role": "user", "content": "a"}], add_generation_prompt=True)
    assert text == "<bos><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n"


def test_template_joins_parts_and_null_content_is_empty() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None, "tool_calls": None}]
    assert "user\nab<end_of_turn>\n<start_of_turn>model\n<end_of_turn>" in text_of(messages)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"role": "user", "content": [{"type": "image", "url": "x"}]}, "type image"),
        ({"role": "critic", "content": "x"}, "no role critic"),
    ],
)
def test_template_what_it_cannot_render_is_refused_by_name(message: dict[str, Any], named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        text_of([message])


def test_template_mode_none_ignores_the_tools_of_a_request() -> None:
    messages = [{"role": "user", "content": "a"}]
    assert text_of(messages, tools=TOOLS) == text_of(messages)


def test_template_mode_names_lists_the_names_before_the_user() -> None:
    text = text_of([{"role": "user", "content": "a"}], CatalogMode.NAMES, tools=TOOLS)
    assert text.startswith("<bos><start_of_turn>user\nTools: search, weather, calculate\n\na<end_of_turn>")


def test_template_mode_full_writes_one_neutralized_schema_a_line() -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "a"}]
    text = text_of(messages, CatalogMode.FULL, tools=TOOLS)
    schemas = text.split("\nTools:\n")[1].split("\n\na<end_of_turn>")[0].split("\n")
    assert text.startswith("<bos><start_of_turn>user\nS\n\nTo call tools")
    assert [json.loads(line) for line in schemas] == [tool["function"] for tool in TOOLS]
    assert "never \\u003cend_of_turn>" in text


def test_template_catalog_before_an_assistant_turn_is_a_turn() -> None:
    text = text_of([{"role": "assistant", "content": "Hi"}], CatalogMode.NAMES, tools=TOOLS)
    assert "Tools: search, weather, calculate<end_of_turn>\n<start_of_turn>model\nHi" in text


@pytest.mark.parametrize("control", GEMMA3.control_strings)
def test_template_control_string_in_text_gets_a_visible_space(control: str) -> None:
    spaced = f"{control[0]} {control[1:]}"
    for role in ("system", "user", "tool", "assistant"):
        text = text_of([{"role": "user", "content": "x"}, {"role": role, "content": f"a{control}{control}b"}])
        assert f"a{spaced}{spaced}b" in text


@pytest.mark.parametrize("control", GEMMA3.control_strings)
def test_template_escapes_control_strings_in_arguments(control: str) -> None:
    arguments = {control: ["<\\", control + control]}
    text = text_of([{"role": "assistant", "tool_calls": [call(control, arguments)]}])
    body = text.split("<tool_call>")[1].split("</tool_call>")[0]
    assert GEMMA3.first_control_string(body) is None
    assert json.loads(body) == {"name": control, "arguments": arguments}


def test_template_escapes_a_closing_marker_in_arguments() -> None:
    assert '"<\\/tool_call>"' in text_of([{"role": "assistant", "tool_calls": [call("f", {"a": "</tool_call>"})]}])


@pytest.mark.parametrize("empty", ["", "{}", {}, None])
def test_template_call_without_arguments_gets_an_empty_object(empty: Any) -> None:
    assert '{"name": "f", "arguments": {}}' in text_of([{"role": "assistant", "tool_calls": [call("f", empty)]}])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(arguments=st.dictionaries(st.text(), values, max_size=4), indent=st.sampled_from([None, 0, 2]))
def test_template_arguments_as_text_and_as_value_render_alike(arguments: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(arguments, ensure_ascii=False, indent=indent, separators=(",", ":"))
    rendered = [text_of([{"role": "assistant", "tool_calls": [call("f", form)]}]) for form in (arguments, text)]
    assert rendered[0] == rendered[1]
