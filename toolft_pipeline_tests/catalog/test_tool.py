from __future__ import annotations

import json
from typing import Any

import pytest

from toolft_pipeline.catalog.tool import Catalog, CatalogError, Tool, parse_catalog

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "required": ["a"]}
MCP = {"name": "find", "description": "Find it.", "inputSchema": SCHEMA}
OPENAI = {"type": "function", "function": {"name": "find", "description": "Find it.", "parameters": SCHEMA}}
RESPONSES = {"type": "function", "name": "find", "description": "Find it.", "parameters": SCHEMA}
ANTHROPIC = {"name": "find", "description": "Find it.", "input_schema": SCHEMA}
BEDROCK = {"toolSpec": {"name": "find", "description": "Find it.", "inputSchema": {"json": SCHEMA}}}


@pytest.mark.parametrize(
    "document",
    [
        [MCP],
        {"tools": [MCP]},
        [OPENAI],
        {"tools": [OPENAI]},
        [RESPONSES],
        [ANTHROPIC],
        [{"type": "custom", **ANTHROPIC}],
        [BEDROCK],
        {"tools": [BEDROCK]},
        {"toolConfig": {"tools": [BEDROCK]}},
        {"functions": [RESPONSES]},
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP]}},
    ],
)
def test_parse_catalog_of_any_shape_gives_the_same_catalog(document: object) -> None:
    catalog = parse_catalog(document, where="here")
    assert catalog == Catalog(tools=(Tool(name="find", description="Find it.", parameters=SCHEMA),))
    assert catalog.openai_tools() == [OPENAI]


def test_catalog_text_parses_back_in_the_order_of_its_source() -> None:
    catalog = parse_catalog([MCP, MCP | {"name": "alter"}], where="here")
    again = parse_catalog(json.loads(catalog.text), where="there")
    assert again.text == catalog.text
    assert again.digest == catalog.digest
    assert again.names == ("find", "alter")
    assert list(again.tools[0].parameters["properties"]) == ["b", "a"]


def test_tool_digest_ignores_key_order_and_description() -> None:
    tool = parse_catalog([MCP], where="here").tools[0]
    reordered = {"required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "type": "object"}
    assert Tool(name="find", description="Other.", parameters=reordered).digest == tool.digest
    assert Tool(name="find", description="Find it.", parameters=SCHEMA | {"required": []}).digest != tool.digest
    assert Tool(name="seek", description="Find it.", parameters=SCHEMA).digest != tool.digest


def test_tool_without_parameters_takes_none() -> None:
    assert parse_catalog([{"name": "now"}], where="here").tools[0].parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"here: must be a list of tools, or an object with the key `tools`"),
        ([], r"here: must be a list of tools"),
        ("text", r"here: must be a list of tools"),
        ([7], r"here: tool 1: must be an object, found int"),
        ([{"description": "x"}], r"here: tool 1: `name` must be text without spaces or quotes, found None"),
        ([{"name": "two words"}], r"tool 1: `name` must be"),
        ([MCP, {"name": "x", "inputSchema": "text"}], r"here: tool 2 \(x\): its arguments must be a JSON Schema"),
        ([{"name": "x", "parameters": {"type": "array"}}], r"of type object; fix its `inputSchema`"),
        ([{"functionDeclarations": [MCP]}], r"here: tool 1: is in Gemini's shape \(functionDeclarations\); write"),
        ([{"name": "x", "parameter_definitions": {}}], r"Cohere's shape"),
        ([{"name": "x", "parameters": {"type": "OBJECT"}}], r"the type 'OBJECT', which is Gemini's spelling"),
        ([MCP, MCP], r"here: tool 'find' is declared 2 times; keep one"),
    ],
)
def test_document_that_is_no_catalog_is_one_error_with_the_fix(document: Any, message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        parse_catalog(document, where="here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [{"name": "two words"}, {"type": "web_search"}, {"name": 'a"b'}, {"name": 7}])
def test_tool_with_a_bad_name_is_left_out_with_the_reason(bad: dict[str, Any]) -> None:
    catalog = parse_catalog([bad, MCP], where="here")
    assert catalog.names == ("find",)
    (reason,) = catalog.left_out
    assert reason.startswith("here: tool 1: `name` must be")
    assert (catalog.text, catalog.digest) == (
        parse_catalog([MCP], where="x").text,
        parse_catalog([MCP], where="x").digest,
    )


@pytest.mark.parametrize(
    ("hints", "reads"),
    [
        (None, None),
        ({}, None),
        ({"readOnlyHint": True}, True),
        ({"readOnlyHint": False}, False),
        ({"readOnlyHint": True, "destructiveHint": True}, False),
        ({"readOnlyHint": True, "destructiveHint": False}, True),
        ({"destructiveHint": False}, None),
        ({"destructiveHint": True}, False),
        ({"readOnlyHint": None, "destructiveHint": None}, None),
    ],
)
def test_reads_follow_from_mcp_annotations_and_survive_the_text(hints: object, reads: bool | None) -> None:
    catalog = parse_catalog([{"name": "look", "annotations": hints}], where="test")
    again = parse_catalog(json.loads(catalog.text), where="test")
    assert [each.tools[0].reads for each in (catalog, again)] == [reads, reads]
    assert again.text == catalog.text
    assert ("annotations" in catalog.text) == (reads is not None)
    assert catalog.digests == parse_catalog([{"name": "look"}], where="test").digests
