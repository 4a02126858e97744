"""Each fault that a host would refuse is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.training.managed.hosts.errors import TrainingFileError
from toolft_pipeline.training.managed.hosts.host import FileLimits
from toolft_pipeline.training.managed.validate_file import check_file

Line = dict[str, Any]

GOOD: Line = {
    "messages": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": 'Say "weight":1'},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}}],
            "weight": 0,
        },
        {"role": "tool", "tool_call_id": "a", "content": "found"},
        {"role": "assistant", "content": "Done.", "weight": 1},
    ],
    "tools": [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}],
}

Change = Callable[[Line], Any]

CHANGES: dict[str, tuple[Change, str]] = {
    "unknown role": (lambda line: line["messages"][0].update(role="robot"), "unknown role"),
    "content of parts": (lambda line: line["messages"][1].update(content=[{"type": "image_url"}]), "is not text"),
    "another id": (lambda line: line["messages"][3].update(tool_call_id="b"), "answers 'b'"),
    "no result": (lambda line: line["messages"].pop(3), "the calls a before it have no result"),
    "no last answer": (lambda line: line["messages"].pop(), "its last message is not the assistant's"),
    "nothing trained": (lambda line: line["messages"][-1].update(weight=0), "nothing is trained"),
    "weight of a half": (lambda line: line["messages"][-1].update(weight=0.5), "only 0 and 1"),
    "tool that is not there": (lambda line: line.update(tools=[]), "not among the tools"),
    "tool twice": (lambda line: line.update(tools=line["tools"] * 2), "two tools have one name"),
    "empty turn": (lambda line: line["messages"][-1].update(content=""), "neither text nor calls"),
    "arguments": (
        lambda line: line["messages"][2]["tool_calls"][0]["function"].update(arguments="{"),
        "not the text of a JSON object",
    ),
    "id twice": (
        lambda line: line["messages"][2].update(tool_calls=line["messages"][2]["tool_calls"] * 2),
        "missing or used twice",
    ),
    "calls of a user": (
        lambda line: line["messages"][1].update(tool_calls=line["messages"][2]["tool_calls"]),
        "has calls",
    ),
}


def write(folder: Path, *lines: Line | str) -> Path:
    path = folder / "training.jsonl"
    path.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in lines))
    return path


def test_good_file_is_counted(tmp_path: Path) -> None:
    facts = check_file(write(tmp_path, GOOD, GOOD), FileLimits(min_rows=2))
    assert (facts.rows, facts.trained_turns) == (2, 2)
    assert facts.tokens == 2 * facts.longest == 2 * ((len(json.dumps(GOOD)) + 1) // 4)


@pytest.mark.parametrize("name", CHANGES)
def test_fault_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    change, expected = CHANGES[name]
    line = deepcopy(GOOD)
    change(line)
    with pytest.raises(TrainingFileError, match="line 2: ") as error:
        check_file(write(tmp_path, GOOD, line), FileLimits())
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"messages": []}', '{"messages": ["a"]}', '{"prompt": "a"}'])
def test_line_that_is_no_conversation_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(TrainingFileError, match=r"line 1: (not JSON|no list of messages)"):
        check_file(write(tmp_path, text), FileLimits())


def test_size_and_number_of_rows_are_limited(tmp_path: Path) -> None:
    with pytest.raises(TrainingFileError, match=r"1 rows, at least 10.*bytes, the host takes 10"):
        check_file(write(tmp_path, GOOD), FileLimits(min_rows=10, max_bytes=10))
