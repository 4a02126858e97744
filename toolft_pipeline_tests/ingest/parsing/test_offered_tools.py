"""A call counts as not offered only if all offered tools are readable and its tool is not among them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from toolft_pipeline.ingest.parsing.offered_tools import tool_offer, tools_not_offered
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES
from toolft_pipeline_tests.ingest.test_readers import accepted

OPENAI = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}
RESPONSES = {"type": "function", "name": "get_order", "parameters": {}}
ANTHROPIC = {"name": "get_order", "input_schema": {"type": "object"}}
MCP = {"name": "get_order", "inputSchema": {"type": "object"}}


def asked(called: set[str], *offers: object) -> tuple[str, ...]:
    return tools_not_offered(called, [tool_offer(Raw(json.dumps(tools).encode())) for tools in offers])


def offering(row: dict[str, Any], tools: list[Any]) -> dict[str, Any]:
    """The row with its tools where its format has them: ATIF's belong to the agent."""
    return row | ({"agent": row["agent"] | {"tool_definitions": tools}} if "agent" in row else {"tools": tools})


@pytest.mark.parametrize("tool", [OPENAI, RESPONSES, ANTHROPIC, MCP])
def test_name_is_read_in_every_shape(tool: dict[str, Any]) -> None:
    assert asked({"get_order"}, [tool]) == ()
    assert asked({"who", "get_order", "close"}, [tool]) == ("close", "who")


def test_tools_of_all_requests_count_together() -> None:
    assert asked({"get_order", "who"}, [OPENAI], None, [{"name": "who"}]) == ()


@pytest.mark.parametrize(
    "tools",
    [
        None,
        [],
        "get_order",
        {"get_order": {}},
        [OPENAI, {"type": "web_search"}],
        [OPENAI, {"function_declarations": [{"name": "who"}]}],
        [{"name": ""}],
        [{"name": 7}],
        ["get_order"],
    ],
)
def test_tools_that_cannot_be_named_accuse_no_call(tools: object) -> None:
    assert asked({"who"}, tools) == ()


@given(st.binary(max_size=30), st.sets(st.text(max_size=3), max_size=3))
def test_any_bytes_are_an_offer(data: bytes, called: set[str]) -> None:
    tools_not_offered(called, [tool_offer(Raw(data))])


@pytest.mark.parametrize("format_", LINE_SAMPLES)
def test_every_line_format_compares_its_calls_with_its_tools(format_: str) -> None:
    row = LINE_SAMPLES[format_]()
    assert accepted(format_, row).unoffered_tools == ()
    assert accepted(format_, offering(row, [ANTHROPIC])).unoffered_tools == ("who",)
    assert accepted(format_, offering(row, [ANTHROPIC, {"name": "who"}])).unoffered_tools == ()


def digest(text: str) -> str | None:
    found = tool_offer(Raw(text.encode()))
    return None if found is None else found.digest


def test_digest_is_one_for_tools_and_keys_in_any_order() -> None:
    written = json.dumps([MCP, {"name": "who"}])
    assert digest(json.dumps([{"name": "who"}, dict(reversed(MCP.items()))], indent=1)) == digest(written)
    assert digest(json.dumps([MCP, {"name": "whom"}])) != digest(written)
    assert digest(json.dumps([MCP, MCP])) != digest(json.dumps([MCP]))


def test_digest_of_an_unsortable_list_is_of_its_bytes() -> None:
    assert digest("[1, ") != digest("[1,")


def test_offers_are_forgotten_in_time_and_read_again() -> None:
    for number in range(600):
        assert asked({"who"}, [{"name": f"tool_{number}"}]) == ("who",)
    assert asked({"tool_0"}, [{"name": "tool_0"}]) == ()
