"""What a task changed, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolft_pipeline.agent import McpServer
from toolft_pipeline.agent.state_changes import state_changes


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, ["state.a: 1 -> 1.0"]),
        ({"a": None}, {"a": "é"}, ['state.a: null -> "é"']),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, ["state.a.c: null -> 2"]),
        ({"t": [{"id": 1, "who": None}]}, {"t": [{"id": 1, "who": "x"}]}, ['state.t[0].who: null -> "x"']),
        ({"t": [1, 2, 2]}, {"t": [2, 3, 4, 2]}, ["state.t: removed 1", "state.t: added 3", "state.t: added 4"]),
    ],
)
def test_changes_are_named_by_their_path(before: Any, after: Any, lines: list[str]) -> None:
    assert state_changes(json.dumps(before), json.dumps(after)) == lines


def test_a_word_of_the_command_line_is_a_url_or_a_command() -> None:
    assert McpServer.parse("https://desk.example/mcp").url == "https://desk.example/mcp"
    assert McpServer.parse("python 'my server.py' --fast").command == ("python", "my server.py", "--fast")
