"""Tool lists pasted into system prompts: what is found, what stays, and that nothing is ever added."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.chat.rendering.pasted_tools import PastedTools, remove_spans

DESCRIPTIONS = {
    "search": "Finds documents by words.",
    "weather": "Weather of a city.",
    "calculate": "",
    "send_mail": "Sends a mail to one address.",
}
FINDER = PastedTools(DESCRIPTIONS)


def openai(name: str) -> dict[str, object]:
    body = {"name": name, "description": "Does [x], {y}.", "parameters": {"type": "object", "properties": {}}}
    return {"type": "function", "function": body}


def mcp(name: str) -> dict[str, object]:
    return {"name": name, "description": 'It "does" \\ things.', "inputSchema": {"type": "object"}}


LISTED = [openai("search"), openai("weather"), openai("gone_since")]


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        (f"You help.\n\nYou have these tools:\n{json.dumps(LISTED, indent=2)}\n\nBe kind.", "You help.\n\nBe kind."),
        (f"You help. Tools you may use: {json.dumps(LISTED)} Be kind.", "You help. Be kind."),
        (f"A\n```json\n{json.dumps({'tools': LISTED})}\n```\nB", "A\nB"),
        (f"# Tools\n<tools>\n{json.dumps(mcp('search'))}\n{json.dumps(mcp('weather'))}\n</tools>\nHi.", "Hi."),
        (f"Be kind.\n\nFunctions:\n{json.dumps(mcp('search'))}\n", "Be kind."),
        ("Tools:\n- search(query): anything\n  one line more\n- `weather`: weather of a city\n\nBe kind.", "Be kind."),
        ("**Tools**\n1. search - finds documents\n2. send_mail - sends mail\n\nBe kind.", "Be kind."),
        ("Say hello. Available tools: search, weather, `calculate`.\nBe kind.", "Say hello.\nBe kind."),
        (f"Tools:\n{json.dumps(LISTED)}\nBe kind. Tools too:\n{json.dumps(LISTED)}\nNow.", "Be kind.\nNow."),
        ("Available tools: search, weather, `calculate`.\nBe kind.", "Be kind."),
        (json.dumps(LISTED), ""),
    ],
)  # fmt: skip
def test_pasted_tools_removes_a_list_with_its_heading(prompt: str, left: str) -> None:
    assert FINDER.without(prompt) == left


@pytest.mark.parametrize(
    "prompt",
    [
        "You help with orders.",
        "weather: only when the user asks.\nsearch: never at night.\nBe kind.",
        "Use search first, then weather.",
        'Call like this: {"name": "search", "arguments": {"query": "x"}}',
        'Config: {"name": "search", "description": "x", "arguments": {}} and [1, 2]',
        json.dumps([{"name": "Ada", "description": "a customer"}, {"name": "Bo", "description": "another"}]),
        json.dumps([mcp("search"), mcp("other_a"), mcp("other_b")]),
        json.dumps({"tools": LISTED, "style": "kind"}),
        "- search(query)\nBe kind.",
        "[{[{ not json",
    ],
)
def test_pasted_tools_advice_examples_and_other_lists_stay(prompt: str) -> None:
    assert FINDER.without(prompt) == prompt
    assert FINDER.spans(prompt) == ()


def test_pasted_tools_catalog_without_tools_finds_nothing() -> None:
    assert PastedTools({}).without(json.dumps(LISTED)) == json.dumps(LISTED)


PARTS = st.sampled_from(
    ["Be kind. ", "\n\n", "Tools:\n", json.dumps(LISTED), json.dumps(mcp("search")), "```", "<tools>", "</tools>",
     "- search(q)\n", "- weather(c): x\n", "search, weather", ", ", "[", "}", "  ", "# Functions\n"]
)  # fmt: skip


@given(st.lists(PARTS | st.text(max_size=5), max_size=12).map("".join))
def test_pasted_tools_result_is_the_prompt_minus_spans(prompt: str) -> None:
    spans = FINDER.spans(prompt)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= behind[0] for before, behind in pairwise(spans))
    left = remove_spans(prompt, spans)
    assert len(left) == len(prompt) - sum(end - start for start, end in spans)
    rest = iter(prompt)
    assert all(character in rest for character in left)
