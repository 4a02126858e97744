"""A LangChain line and a LangSmith trace read the same blocks in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.spans.test_span_tools import read

CALL = {"name": "get_weather", "args": {"city": "Lyon"}, "id": "c1", "type": "tool_call"}
FUNCTION_CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_weather", "arguments": "{}"}
TEXT = {"type": "text", "text": "I look."}

ANSWERS: dict[str, dict[str, Any]] = {
    "function_call": {"content": [FUNCTION_CALL], "tool_calls": [CALL]},
    "reasoning with a summary": {
        "content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look."}]}, TEXT, FUNCTION_CALL],
        "tool_calls": [CALL],
    },
    "reasoning with content": {"content": [{"type": "reasoning", "content": [{"type": "x", "text": "Look."}]}, TEXT]},
    "reasoning_content of Bedrock": {
        "content": [{"type": "reasoning_content", "reasoning_content": {"text": "Look."}}, TEXT]
    },
    "thinking": {"content": [{"type": "thinking", "thinking": "Look."}, TEXT]},
    "redacted thinking": {"content": [{"type": "redacted_thinking", "data": "x"}, TEXT]},
    "tool_use and its stream": {
        "content": [
            {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}},
            {"type": "input_json_delta", "partial_json": "{}"},
        ],
        "tool_calls": [CALL],
    },
    "tool_call_chunk": {"content": [{"type": "tool_call_chunk", "id": "c1", "args": "{}"}], "tool_calls": [CALL]},
    "refusal": {"content": [{"type": "refusal", "refusal": "I cannot."}]},
    "reasoning beside": {"content": "I look.", "additional_kwargs": {"reasoning_content": "Look."}},
    "refusal beside": {"content": "", "additional_kwargs": {"refusal": "I cannot."}},
    "server tool": {"content": [{"type": "web_search_call", "id": "w"}, TEXT]},
    "server result": {"content": [{"type": "server_tool_result", "id": "w"}, TEXT]},
    "custom call": {"content": [{"type": "custom_tool_call", "name": "f"}], "tool_calls": []},
    "invalid call": {"content": [{"type": "invalid_tool_call", "name": "f"}], "tool_calls": []},
    "another call": {"content": [FUNCTION_CALL | {"call_id": "c9"}], "tool_calls": [CALL]},
    "text after calls": {"content": [FUNCTION_CALL, TEXT], "tool_calls": [CALL]},
    "call beside alone": {"content": "x", "additional_kwargs": {"tool_calls": [{"id": "c1"}]}},
    "function_call beside alone": {"content": "x", "additional_kwargs": {"function_call": {"name": "f"}}},
    "provider's tools beside": {"content": "x", "additional_kwargs": {"tool_outputs": [{"type": "web_search_call"}]}},
    "unknown": {"content": [{"type": "some_block"}]},
}
"""Answers as LangChain's integrations give them; those that a LangChain line refuses stand last."""


def line(answer: dict[str, Any], result: dict[str, Any]) -> list[dict[str, Any]]:
    asked = {"type": "human", "data": {"content": "Weather in Lyon?"}}
    result = {"type": "tool", "data": {"tool_call_id": "c1", **result}}
    return [{"messages": [asked, {"type": "ai", "data": answer}, result]}]


def trace(answer: dict[str, Any], result: dict[str, Any], *, wrapped: str) -> list[dict[str, Any]]:
    def message(type_: str, name: str, fields: dict[str, Any]) -> dict[str, Any]:
        if wrapped == "bare":
            return {"type": type_, **fields}
        path = ["langchain", "schema", "messages", name]
        return {"lc": 1, "type": "constructor", "id": path, "kwargs": {"type": type_, **fields}}

    asked = message("human", "HumanMessage", {"content": "Weather in Lyon?"})
    said = message("ai", "AIMessage", answer)
    result = message("tool", "ToolMessage", {"tool_call_id": "c1", **result})
    generations = [[{"type": "ChatGeneration", "text": "", "message": message("ai", "AIMessage", {"content": "End."})}]]
    run = {"id": "r1", "trace_id": "r1", "run_type": "llm", "inputs": {"messages": [[asked, said, result]]}}
    return [{**run, "outputs": {"generations": generations}}]


@pytest.mark.parametrize("wrapped", ["bare", "constructor"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_blocks_read_the_same_in_lines_and_traces(answer: dict[str, Any], wrapped: str, tmp_path: Path) -> None:
    result = {"content": "21 degrees", "status": "success"}
    (tmp_path / "trace").mkdir()
    logged = read(tmp_path, line(answer, result), format="langchain")
    traced = read(tmp_path / "trace", trace(answer, result, wrapped=wrapped), format="langsmith")
    if isinstance(logged, Rejection):
        assert isinstance(traced, Rejection), traced
        assert (traced.reason, traced.detail) == (logged.reason, logged.detail)
        return
    assert isinstance(traced, Trajectory), traced
    assert traced.messages[:3] == logged.messages[:3]


@pytest.mark.parametrize("wrapped", ["bare", "constructor"])
def test_failed_result_is_the_same_in_lines_and_traces(wrapped: str, tmp_path: Path) -> None:
    result = {"content": "no such city", "status": "error"}
    answer = {"content": "", "tool_calls": [CALL]}
    (tmp_path / "trace").mkdir()
    logged = read(tmp_path, line(answer, result), format="langchain")
    traced = read(tmp_path / "trace", trace(answer, result, wrapped=wrapped), format="langsmith")
    assert isinstance(logged, Trajectory)
    assert isinstance(traced, Trajectory)
    assert traced.messages[2] == logged.messages[2]
    assert traced.messages[2].text == "Error: no such city"
