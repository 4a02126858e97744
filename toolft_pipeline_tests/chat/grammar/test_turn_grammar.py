"""A grammar accepts a turn exactly if the format's parser reads it as an answer, or as valid calls of offered tools."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.grammar.lark_rules import GrammarError
from toolft_pipeline.chat.grammar.turn_grammar import Calls, turn_grammar
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline_tests.chat.grammar.schemas import objects
from toolft_pipeline_tests.chat.grammar.written import Acceptor, written

FORMAT_NAMES = sorted(FORMATS)
CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}


def tool(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


def acceptor(format_name: str, *tools: dict[str, Any], **how: Any) -> Acceptor:
    return Acceptor(turn_grammar(FORMATS[format_name], tools, special={}, **how).text)


def validator_of(*tools: dict[str, Any]) -> CatalogValidator:
    return CatalogValidator(
        Catalog(
            tools=tuple(
                Tool(name=each["function"]["name"], description="", parameters=each["function"]["parameters"])
                for each in tools
            )
        )
    )


def reads_as_valid(text: str, format_name: str, validator: CatalogValidator) -> bool:
    """What the parser and the validator say of a turn."""
    turn = parse_assistant(text, FORMATS[format_name])
    return not turn.malformed and not any(validator.check(call.name, call.arguments_json) for call in turn.calls)


@st.composite
def tools_and_calls(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]:
    """Two tools, and one or two valid calls of them."""
    pairs = {name: draw(objects()) for name in ("get_it", "get_it_all")}
    tools = [tool(name, schema) for name, (schema, _) in pairs.items()]
    names = draw(st.lists(st.sampled_from([*pairs]), min_size=1, max_size=2))
    return tools, [(name, draw(pairs[name][1])) for name in names]


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
@given(drawn=tools_and_calls())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_what_the_template_writes_of_valid_calls_is_accepted(format_name: str, drawn: Any) -> None:
    tools, calls = drawn
    text = written(format_name).calls(*calls)
    if reads_as_valid(text, format_name, validator_of(*tools)):
        assert acceptor(format_name, *tools)(text), text


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
@given(drawn=tools_and_calls(), data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_accepted_near_misses_are_valid_turns(format_name: str, drawn: Any, data: st.DataObject) -> None:
    tools, calls = drawn
    text = written(format_name).calls(*calls)
    accepts, validator = acceptor(format_name, *tools), validator_of(*tools)
    for _ in range(12):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        put = data.draw(
            st.sampled_from(["", '"', "}", "{", ",", "1", "e9", "e999", "null", "true", "\\", "<", ", ", "key", "é"])
        )
        near = text[:at] + put + text[at + cut :]
        if accepts(near):
            assert reads_as_valid(near, format_name, validator), near


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@example(text="")
@example(text="a < b [x] {y}")
@example(text='He said {"name": 1}')
@example(text="<tool_call")
@example(text="a <end_of_turn> b")
@example(text="<|eot_id|>.")
@settings(max_examples=40)
def test_answers_without_control_text_are_accepted_and_no_others(format_name: str, text: str) -> None:
    chat_format = FORMATS[format_name]
    turn = parse_assistant(text, chat_format)
    clean = chat_format.first_control_string(text) is None and chat_format.call_marker not in text
    assert _ANSWERS[format_name](text) == (clean and not turn.malformed and not turn.calls)


_ANSWERS = {name: acceptor(name, tool("weather", CITY)) for name in FORMAT_NAMES}


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
class TestCalls:
    def test_keys_may_come_in_any_order(self, format_name: str) -> None:
        for arguments in ({"city": "Bonn", "days": 2}, {"days": 2, "city": "Bonn"}, {"city": "Bonn"}):
            assert acceptor(format_name, tool("weather", CITY))(written(format_name).calls(("weather", arguments)))

    def test_a_key_comes_once(self, format_name: str) -> None:
        once = written(format_name).calls(("weather", {"days": 2, "city": "Bonn"}))
        days = next(member for member in ('"days": 2, ', "days:2,", ",days:2") if member in once)
        assert not acceptor(format_name, tool("weather", CITY))(once.replace(days, days + days))

    @pytest.mark.parametrize(
        "arguments", [{}, {"days": 2}, {"city": 3}, {"city": "Bonn", "days": "2"}, {"city": "Bonn", "wind": 1}]
    )
    def test_invalid_arguments_are_refused(self, format_name: str, arguments: dict[str, Any]) -> None:
        assert not acceptor(format_name, tool("weather", CITY))(written(format_name).calls(("weather", arguments)))

    def test_tools_that_are_not_offered_are_refused(self, format_name: str) -> None:
        accepts = acceptor(format_name, tool("weather", CITY))
        for name in ("weathers", "weath", "wind"):
            assert not accepts(written(format_name).calls((name, {"city": "Bonn"})))

    def test_text_and_several_calls_are_accepted_unless_forbidden(self, format_name: str) -> None:
        call = ("weather", {"city": "Bonn"})
        both, beside = written(format_name).calls(call, call), written(format_name).calls(call, text="I look it up.")
        assert acceptor(format_name, tool("weather", CITY))(both)
        assert acceptor(format_name, tool("weather", CITY))(beside)
        assert not acceptor(format_name, tool("weather", CITY), parallel=False)(both)

    def test_calls_are_required_or_forbidden_as_asked(self, format_name: str) -> None:
        call = written(format_name).calls(("weather", {"city": "Bonn"}))
        required = acceptor(format_name, tool("weather", CITY), calls=Calls.REQUIRED)
        forbidden = acceptor(format_name, tool("weather", CITY), calls=Calls.FORBIDDEN)
        assert (required(call), required("No."), required("")) == (True, False, False)
        assert (forbidden(call), forbidden("No."), acceptor(format_name)(call)) == (False, True, False)

    def test_a_call_after_reasoning_is_accepted(self, format_name: str) -> None:
        if not FORMATS[format_name].capabilities.reasoning:
            pytest.skip("the format writes no reasoning")
        call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
        for message in ({"content": "Dry."}, {"content": None, "tool_calls": [call]}):
            text = written(format_name).turn({**message, "reasoning_content": "Hm.\nWhere?"})
            assert "Where?" in text
            assert acceptor(format_name, tool("weather", CITY))(text)
            assert acceptor(format_name, tool("weather", CITY))(text[:-3]) == (message["content"] is not None)


def test_required_call_without_tools_is_refused() -> None:
    with pytest.raises(GrammarError, match="no offered tool"):
        turn_grammar(FORMATS["gemma3"], [], special={}, calls=Calls.REQUIRED)
