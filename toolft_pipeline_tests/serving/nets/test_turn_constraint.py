"""The grammar of a request: by its tools and choice, made once, never a reason to refuse."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.serving.chat_request import ToolChoice
from toolft_pipeline.serving.nets.grammar import TurnConstraint
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.chat.grammar.written import Acceptor, written
from toolft_pipeline_tests.serving.api.models import served_model
from toolft_pipeline_tests.serving.nets.turns import WEATHER, request_of

WIND: dict[str, Any] = {"type": "function", "function": {**WEATHER["function"], "name": "wind"}}


@pytest.fixture(scope="module")
def model() -> ServedModel:
    """A Llama: its format has no special token within a turn, so a text says all of it."""
    other = {"tools": [{"name": "other", "inputSchema": {"type": "object"}}]}
    return served_model(written("llama3").tokenizer, "llama3", catalog=other)


def call(name: str) -> str:
    return written("llama3").calls((name, {"city": "Bonn"}))


def accepted(constraint: TurnConstraint, model: ServedModel, **fields: Any) -> dict[str, bool]:
    grammar = constraint.grammar(request_of(**{"tools": (WEATHER, WIND), **fields}), model)
    assert grammar is not None
    accepts = Acceptor(grammar)
    texts = {"weather": call("weather"), "wind": call("wind"), "answer": "It is dry."}
    return {name: accepts(text) for name, text in texts.items()}


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, {"weather", "wind", "answer"}),
        ({"tools": (WIND,)}, {"wind", "answer"}),
        ({"tools": ()}, {"answer"}),
        ({"tool_choice": ToolChoice.NONE}, {"answer"}),
        ({"tool_choice": ToolChoice.REQUIRED}, {"weather", "wind"}),
        ({"named_tool": "wind"}, {"wind"}),
    ],
)
def test_grammar_follows_the_offered_tools_and_the_choice(
    model: ServedModel, fields: dict[str, Any], allowed: set[str]
) -> None:
    found = accepted(TurnConstraint(), model, **fields)
    assert {name for name, each in found.items() if each} == allowed


def test_a_model_that_is_not_permitted_decodes_freely(model: ServedModel) -> None:
    constraint = TurnConstraint(permits=lambda each: each.day == "another")
    assert constraint.grammar(request_of(), model) is None


def test_the_same_tools_have_one_grammar(model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    constraint = TurnConstraint()
    first = constraint.grammar(request_of(), model)
    monkeypatch.setattr("toolft_pipeline.serving.nets.grammar.turn_grammar", None)
    assert constraint.grammar(request_of(messages=[]), model) is first


def test_keywords_outside_a_grammar_are_named_once(model: ServedModel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "toolft.serving")
    constraint = TurnConstraint()
    odd = {**WEATHER["function"], "parameters": {"type": "object", "not": {"required": ["x"]}}}
    for choice in (ToolChoice.AUTO, ToolChoice.REQUIRED):
        request = request_of(tools=({"type": "function", "function": odd},), tool_choice=choice)
        assert constraint.grammar(request, model) is not None
    assert len(caplog.messages) == 1
    (figure,) = constraint.figures()
    assert (figure.labels, figure.value) == ({"reason": "weather: arguments: not"}, 2)


def test_tools_without_a_grammar_are_decoded_freely_by_name(
    model: ServedModel, caplog: pytest.LogCaptureFixture
) -> None:
    constraint = TurnConstraint()
    assert constraint.grammar(request_of(tools=(), tool_choice=ToolChoice.REQUIRED), model) is None
    broken = {"type": "function", "function": {"name": "x", "parameters": {"type": "object", "properties": ["a"]}}}
    assert constraint.grammar(request_of(tools=(broken,)), model) is None
    assert [figure.name for figure in constraint.figures()] == ["toolft_grammar_free_total"] * 2
    assert "no offered tool can be called" in caplog.text
