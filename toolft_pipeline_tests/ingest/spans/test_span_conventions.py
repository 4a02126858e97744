"""Spans of tracers with their own attribute conventions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.attribute_exports import (
    agents_sdk_trace,
    phoenix_spans,
    vercel_requests,
)
from toolft_pipeline_tests.ingest.span_exports import langfuse_observations
from toolft_pipeline_tests.ingest.span_runs import expected, joined, refused, said
from toolft_pipeline_tests.ingest.spans.test_span_tools import read


def otlp(**attributes: Any) -> list[dict[str, Any]]:
    pairs = [
        {"key": key, "value": {"stringValue": value if isinstance(value, str) else json.dumps(value)}}
        for key, value in attributes.items()
    ]
    return [{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1", "spanId": "2", "attributes": pairs}]}]}]}]


def vercel(messages: list[dict[str, Any]], **said_: Any) -> list[dict[str, Any]]:
    attributes = {"ai.operationId": "ai.streamText.doStream", "ai.prompt.messages": messages, **said_}
    return otlp(**attributes)


def test_vercel_parts_results_and_reasoning_are_read(tmp_path: Path) -> None:
    results = [
        {"type": "json", "value": {"degrees": 21}},
        {"type": "error-text", "value": "no such city"},
        {"type": "content", "value": [{"type": "text", "text": "cloudy"}]},
    ]
    calls = [
        {"type": "tool-call", "toolCallId": f"c{n}", "toolName": "get_weather", "input": {"n": n}}
        for n in range(len(results) + 1)
    ]
    given = [
        {"type": "tool-result", "toolCallId": f"c{n}", "toolName": "get_weather", "output": output}
        for n, output in enumerate(results)
    ]
    old = {"type": "tool-result", "toolCallId": "c3", "toolName": "get_weather", "result": "dry"}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {"role": "assistant", "content": [{"type": "reasoning", "text": "Look."}, *calls]},
        {"role": "tool", "content": [*given, old]},
    ]
    run = read(tmp_path, vercel(messages, **{"ai.response.text": "Warm.", "ai.response.reasoning": "Easy."}))
    assert isinstance(run, Trajectory), run
    assert [message.role for message in run.messages] == ["system", "user", "assistant", *["tool"] * 4, "assistant"]
    assert run.messages[2].reasoning == "Look."
    assert [message.text for message in run.messages[3:]] == [
        '{"degrees":21}',
        "Error: no such city",
        "cloudy",
        "dry",
        "Warm.",
    ]
    assert run.messages[-1].reasoning == "Easy."


@pytest.mark.parametrize(
    ("rows", "reason", "said_"),
    [
        (otlp(**{"ai.operationId": "ai.generateText.doGenerate"}), RejectReason.LOSSY_EXPORT, "recordInputs"),
        (
            vercel([{"role": "user", "content": [{"type": "file", "data": "x"}]}], **{"ai.response.text": "x"}),
            RejectReason.UNSUPPORTED_CONTENT,
            "file",
        ),
        (
            vercel(
                [{"role": "user", "content": "x"}],
                **{"ai.response.toolCalls": [{"toolCallId": "c", "toolName": "f", "input": "{", "invalid": True}]},
            ),
            RejectReason.INVALID_TOOL_CALL,
            "invalid",
        ),
    ],
)
def test_vercel_spans_that_say_too_little_are_refused(
    rows: list[dict[str, Any]], reason: RejectReason, said_: str, tmp_path: Path
) -> None:
    run = read(tmp_path, rows)
    assert isinstance(run, Rejection)
    assert (run.reason, said_ in run.detail) == (reason, True)


def test_vercel_tool_whose_call_is_nowhere_refuses_the_run(tmp_path: Path) -> None:
    rows = vercel_requests()
    spans = rows[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span in spans:
        span["attributes"] = [one for one in span["attributes"] if one["key"] != "ai.response.toolCalls"]
    rows[0]["resourceSpans"][0]["scopeSpans"][0]["spans"] = [spans[0], spans[1], *spans[2:4]]
    assert refused(tmp_path, rows).reason is RejectReason.TOOL_WITHOUT_CALL


def test_phoenix_nested_attributes_equal_dotted_names(tmp_path: Path) -> None:
    rows = phoenix_spans()
    for row in rows:
        nested: dict[str, Any] = {}
        for key, value in row["attributes"].items():
            at = nested
            *path, last = key.split(".")
            for name in path:
                at = at.setdefault(name, {})
            at[last] = value
        row["attributes"] = _lists(nested)
    assert [said(message) for message in joined(tmp_path, rows).messages] == expected()


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(inner) for key, inner in value.items()}


def test_openinference_falls_back_to_input_and_output(tmp_path: Path) -> None:
    given = {"messages": [{"role": "user", "content": "Hi"}], "tools": []}
    output = {"choices": [{"message": {"role": "assistant", "content": "Hello."}}]}
    attributes = {"openinference.span.kind": "LLM", "input.value": given, "output.value": output}
    run = read(tmp_path, otlp(**attributes))
    assert isinstance(run, Trajectory), run
    assert [message.text for message in run.messages] == ["Hi", "Hello."]


def test_openinference_function_call_is_refused(tmp_path: Path) -> None:
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Hi",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.function_call_name": "f",
    }
    run = read(tmp_path, otlp(**attributes))
    assert isinstance(run, Rejection)
    assert "function_call" in run.detail


def test_readable_span_as_json_is_read_with_genai_attributes(tmp_path: Path) -> None:
    """`ReadableSpan.to_json` on one line."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}]),
    }
    row = {
        "name": "chat m",
        "context": {"trace_id": "0x1", "span_id": "0x2", "trace_state": "[]"},
        "parent_id": None,
        "start_time": "2026-10-01T10:00:00.000000Z",
        "end_time": "2026-10-01T10:00:01.000000Z",
        "status": {"status_code": "UNSET"},
        "attributes": attributes,
        "events": [],
        "resource": {"attributes": {"service.name": "a"}},
    }
    run = read(tmp_path, [row])
    assert isinstance(run, Trajectory), run
    assert (run.messages[-1].text, run.source.format) == ("Hello.", "span_rows")


def test_pydantic_ai_events_in_one_attribute_are_read(tmp_path: Path) -> None:
    events = [
        {"event.name": "gen_ai.user.message", "content": "Hi", "role": "user", "gen_ai.message.index": 0},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Hello."}},
    ]
    run = read(tmp_path, otlp(**{"gen_ai.operation.name": "chat", "events": events}))
    assert isinstance(run, Trajectory), run
    assert [message.text for message in run.messages] == ["Hi", "Hello."]


def test_tempo_trace_by_id_is_read(tmp_path: Path) -> None:
    (request,) = vercel_requests()
    run = joined(tmp_path, [{"trace": request}])
    assert [said(message) for message in run.messages] == expected()


def test_agents_sdk_response_without_content_is_refused(tmp_path: Path) -> None:
    rows = agents_sdk_trace()
    assert [said(message) for message in joined(tmp_path, [{"data": rows}]).messages] == expected()
    for row in rows:
        if row.get("span_data", {}).get("type") == "generation":
            row["span_data"] = {"type": "response", "response_id": "resp_1"}
    rejection = refused(tmp_path, rows)
    assert (rejection.reason, "without its content" in rejection.detail) == (RejectReason.LOSSY_EXPORT, True)


def test_langfuse_download_of_older_versions_is_read(tmp_path: Path) -> None:
    rows = langfuse_observations()
    trace = {"trace": {"id": rows[0]["traceId"], "name": "agent", "metadata": {}}, "observations": rows}
    assert [said(message) for message in joined(tmp_path, [trace]).messages] == expected()


def test_langfuse_tool_recorded_as_a_span_says_what_to_do(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    rows = [
        {"id": "1", "traceId": "t", "type": "GENERATION", "name": "g", "input": [{"role": "user", "content": "?"}]},
        {"id": "2", "traceId": "t", "type": "SPAN", "name": "get_weather", "input": {}, "output": "21 degrees"},
    ]
    rows[0]["output"] = {"role": "assistant", "content": None, "tool_calls": [call]}
    rejection = refused(tmp_path, rows)
    assert (rejection.reason, "type tool" in rejection.detail) == (RejectReason.LOSSY_EXPORT, True)
