from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.catalog.tool import CatalogError, parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator

ORDER = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1},
        "urgency": {"enum": ["low", "high"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "labels": {"type": "object"},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/Line"},
        },
    },
    "required": ["customer"],
    "$defs": {
        "Line": {
            "type": "object",
            "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
            "required": ["sku"],
        }
    },
}


def validator(schema: dict[str, Any] = ORDER) -> CatalogValidator:
    return CatalogValidator(parse_catalog([{"name": "order", "inputSchema": schema}], where="test"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"customer": "Ada"},
        {"customer": "Ada", "urgency": "low", "note": None, "labels": {"any": 1}},
        {"customer": "Ada", "lines": [{"sku": "x", "quantity": 2}]},
    ],
)
def test_check_of_a_call_within_the_schema_gives_no_reason(arguments: dict[str, Any]) -> None:
    assert validator().check("order", json.dumps(arguments)) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("{}", 'arguments: "customer" is a required property'),
        ('{"customer": 7}', 'arguments.customer: the value is not of type "string"'),
        ('{"customer": ""}', "arguments.customer: the value is shorter than 1 character"),
        ('{"customer": "a", "urgency": "now"}', 'arguments.urgency: the value is not one of "low" or "high"'),
        ('{"customer": "a", "lines": [{"sku": "x"}, {}]}', 'arguments.lines[1]: "sku" is a required property'),
        ('{"customer": "a", "lines": []}', "arguments.lines: the value has less than 1 item"),
        (
            '{"customer": "a", "priority": 1}',
            "arguments: Additional properties are not allowed ('priority' was unexpected)",
        ),
        (
            '{"customer": "a", "lines": [{"sku": "x", "colour": 1}]}',
            "arguments.lines[0]: Additional properties are not allowed ('colour' was unexpected)",
        ),
        ('{"customer": 7, "urgency": 7}', 'arguments.customer: the value is not of type "string" (and 1 more)'),
        ('{"customer": "a", "customer": "b"}', "arguments are not JSON: key 'customer' is twice in one object"),
        ('{"customer": NaN}', "arguments are not JSON: NaN is not JSON"),
        ('{"customer": "a"', "arguments are not JSON: Expecting ',' delimiter: line 1 column 17 (char 16)"),
        ("", "arguments are not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[" * 100_000, "arguments are not JSON: nested too deep"),
        (r'{"customer": "\ud800"}', "arguments are not text: a lone half of a surrogate pair"),
        ('["a"]', "arguments are not a JSON object but list"),
        ("null", "arguments are not a JSON object but NoneType"),
    ],
)
def test_check_of_a_call_outside_the_schema_says_where_and_what(arguments: str, reason: str) -> None:
    assert validator().check("order", arguments) == reason


def test_check_of_an_unknown_tool_names_it() -> None:
    assert validator().check("reorder", "{}") == "unknown tool 'reorder'"


def test_check_quotes_no_value_of_the_arguments() -> None:
    reason = validator().check("order", '{"customer": ["secret"], "urgency": "secret", "note": ["secret"]}')
    assert reason is not None
    assert "secret" not in reason


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        {"type": "object", "properties": {"a": {}}, "patternProperties": {"^b$": {}}},
        {"type": "object", "allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        {"type": "object"},
    ],
)
def test_undeclared_parameter_is_valid_if_the_schema_is_open(schema: dict[str, Any]) -> None:
    assert validator(schema).check("order", '{"b": 1}') is None


@given(st.text())
def test_check_of_any_text_never_raises(text: str) -> None:
    reason = validator().check("order", text)
    assert reason is not None
    assert len(reason) < 300


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ({"type": "objct"}, 'properties/a/type: "objct" is not allowed'),
        ({"pattern": "["}, r"properties/a/pattern: "),
        ({"$ref": "#/nowhere"}, "Pointer '/nowhere' does not exist"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "Retrieval is disabled"),
    ],
)
def test_invalid_json_schema_is_one_error_naming_the_tool(parameter: dict[str, Any], said: str) -> None:
    with pytest.raises(CatalogError) as caught:
        validator({"type": "object", "properties": {"a": parameter}})
    message = str(caught.value)
    assert message.startswith("tool 'order': its parameters are not JSON Schema (")
    assert message.endswith("); fix the schema")
    assert said in message
    assert "\n" not in message
