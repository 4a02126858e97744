"""Schemas that a grammar cannot express in full, and hostile ones: more is allowed, by name, and nothing breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.grammar.lark_rules import GrammarError
from toolft_pipeline.chat.grammar.turn_grammar import TurnGrammar, turn_grammar
from toolft_pipeline_tests.chat.grammar.test_turn_grammar import tool
from toolft_pipeline_tests.chat.grammar.written import Acceptor, written

GEMMA = FORMATS["gemma3"]


def grammar(parameters: dict[str, Any]) -> TurnGrammar:
    return turn_grammar(GEMMA, [tool("t", parameters)], special={})


def of(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], **more}


def accepts(made: TurnGrammar, arguments: dict[str, Any]) -> bool:
    return Acceptor(made.text)(written("gemma3").calls(("t", arguments)))


@pytest.mark.parametrize(
    ("schema", "fits", "named"),
    [
        ({"type": "string", "pattern": "(?=a)a"}, "b", "t: arguments.x: pattern"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "t: arguments.x: uniqueItems"),
        ({"not": {"type": "string"}}, "b", "t: arguments.x: not"),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "b", "t: arguments.x: allOf of 2 schemas"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, 2, "t: arguments.x: oneOf that several of its parts may fit"),
        ({"$ref": "https://a.example/s.json"}, 1, "t: arguments.x: $ref 'https://a.example/s.json' does not lead"),
        ({"enum": list(range(3000))}, 5000, "t: arguments.x: enum of more than 2,000 values"),
        ({"type": "string", "maxLength": 10**9}, "b", "t: arguments.x: maxLength above 10,000"),
        ({"type": "object", "minProperties": 2}, {}, "t: arguments.x: minProperties"),
    ],
    ids=lambda value: json.dumps(value)[:24],
)
def test_what_cannot_be_expressed_is_allowed_and_named(schema: dict[str, Any], fits: Any, named: str) -> None:
    made = grammar(of("x", schema))
    assert [line for line in made.loosened if line.startswith(named)] != []
    assert accepts(made, {"x": fits})
    assert not accepts(made, {})


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 1}, [[1]], [[], [1, 2], ["a"]]),
        ({"type": "number", "minimum": 0, "maximum": 1}, [0, 1, 0.5, 1e-07], [1.5, -1]),
        ({"type": "integer"}, [1, -3, 2.0], [1.5, "1"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "a<b", 'a"b', "😀b"], ["a", "abcd"]),
        ({"anyOf": [{"type": "integer"}, {"enum": ["all"]}]}, [3, "all"], ["some", None]),
        ({"$ref": "#/$defs/tree"}, [{"leaf": 1}, {"kids": [{"leaf": 1}, {"kids": []}]}], [{"kids": [1]}, 3]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1, "b": 2}], [{"a": "1"}]),
        ({"enum": ["</tool_call>", 'say "x"', 1.5, {"a": [1]}]}, ["</tool_call>", 'say "x"', 1.5, {"a": [1]}], ["say"]),
    ],
    ids=lambda value: json.dumps(value)[:24],
)
def test_expressed_schemas_are_enforced(schema: dict[str, Any], right: list[Any], wrong: list[Any]) -> None:
    tree = {
        "type": "object",
        "properties": {"leaf": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    }
    made = grammar(of("x", schema, **{"$defs": {"tree": tree}}))
    assert made.loosened == ()
    assert [value for value in right if not accepts(made, {"x": value})] == []
    assert [value for value in wrong if accepts(made, {"x": value})] == []


def nested(depth: int) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": nested(depth - 1)}} if depth else {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        nested(300),
        {"$ref": "#/properties/x"},
        {"anyOf": [{"$ref": "#"}, {"type": "string"}]},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "string", "pattern": "(a|aa)+$"},
        {"type": "object", "properties": {f"key{number}": {"type": "string"} for number in range(500)}},
        {"type": "string", "pattern": "\u0000[" * 3},
        {"type": "integer", "minimum": -(10**40), "maximum": 10**40},
    ],
    ids=["deep", "self", "root", "repeats", "ambiguous", "many keys", "no pattern", "huge bounds"],
)
def test_hostile_schemas_give_a_grammar_that_still_accepts_answers(schema: dict[str, Any]) -> None:
    made = grammar({"type": "object", "properties": {"x": schema}})
    accepting = Acceptor(made.text)
    assert accepting("No.")
    assert accepting(written("gemma3").calls(("t", {})))


def test_a_grammar_of_too_many_rules_is_refused() -> None:
    many = [tool(f"t{number}", of(f"x{number}", {"type": "string", "maxLength": number + 1})) for number in range(6000)]
    with pytest.raises(GrammarError, match="more than 20,000 rules"):
        turn_grammar(GEMMA, many, special={})


def test_a_tool_that_no_arguments_fit_cannot_be_called() -> None:
    made = grammar(of("x", {"enum": []}))
    assert Acceptor(made.text)("No.")
    assert not accepts(made, {"x": 1})
