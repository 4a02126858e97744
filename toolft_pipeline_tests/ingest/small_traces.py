"""Small traces of one conversation in each span format, with turns and tool spans of a test's choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

ASK = {"role": "user", "content": "Is it sunny in Lyon?"}


def asked(id_: str, name: str = "get_weather", **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments or {"city": "Lyon"})}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": id_, "type": "function", "function": function}],
    }


def gave(id_: str, text: str = "clear sky") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": text}


def reply(text: str = "It is sunny in Lyon.") -> dict[str, Any]:
    return {"role": "assistant", "content": text}


class Tool(NamedTuple):
    """A tool's span; arguments that are None are Lyon's. `below` is the place of the tool whose span it stands in."""

    name: str = "get_weather"
    call_id: str | None = None
    arguments: Any = None
    output: Any = "clear sky"
    below: int | None = None


class _Row(NamedTuple):
    id: str
    parent: str | None
    kind: str
    name: str
    given: Any
    output: Any
    call_id: str | None = None


def _rows(said: Sequence[dict[str, Any]], tools: Sequence[Tool], *, name: str) -> list[_Row]:
    """A root, a model call for each assistant turn, then the tools."""
    turns = [place for place, message in enumerate(said) if message["role"] == "assistant"]
    rows = [_Row("01", None, "agent", "agent", None, None)]
    rows += [_Row(f"m{place}", "01", "model", name, said[:place], said[place]) for place in turns]
    for place, tool in enumerate(tools):
        parent = "01" if tool.below is None else f"t{tool.below}"
        given = {"city": "Lyon"} if tool.arguments is None else tool.arguments
        rows.append(_Row(f"t{place}", parent, "tool", tool.name, given, tool.output, tool.call_id))
    return rows


def langsmith(said: Sequence[dict[str, Any]], tools: Sequence[Tool] = (), *, name: str = "llm") -> list[dict[str, Any]]:
    lines = []
    for place, row in enumerate(_rows(said, tools, name=name)):
        inputs = {"messages": row.given} if row.kind == "model" else row.given or {}
        outputs = {"choices": [{"message": row.output}]} if row.kind == "model" else {"output": row.output}
        lines.append(
            {
                "id": row.id,
                "trace_id": "01",
                "run_type": {"model": "llm", "tool": "tool"}.get(row.kind, "chain"),
                "name": row.name,
                "parent_run_id": row.parent,
                "start_time": _at(place),
                "end_time": _at(place),
                "inputs": inputs,
                "outputs": outputs,
                "extra": {
                    "tool_call_id": row.call_id,
                    "metadata": {"outcome": "success", "ls_model_name": f"{name}-1"},
                },
            }
        )
    return lines


def langfuse(said: Sequence[dict[str, Any]], tools: Sequence[Tool] = (), *, name: str = "llm") -> list[dict[str, Any]]:
    lines = []
    for place, row in enumerate(_rows(said, tools, name=name)):
        output = row.output
        if row.call_id is not None:
            output = {"type": "tool", "tool_call_id": row.call_id, "content": row.output}
        lines.append(
            {
                "id": row.id,
                "traceId": "01",
                "type": {"model": "GENERATION", "tool": "TOOL"}.get(row.kind, "AGENT"),
                "name": row.name,
                "model": f"{name}-1" if row.kind == "model" else None,
                "parentObservationId": row.parent,
                "startTime": _at(place),
                "endTime": _at(place),
                "input": row.given,
                "output": output,
                "metadata": {"outcome": "success"},
            }
        )
    return lines


def mlflow(said: Sequence[dict[str, Any]], tools: Sequence[Tool] = (), *, name: str = "llm") -> list[dict[str, Any]]:
    spans = []
    for place, row in enumerate(_rows(said, tools, name=name)):
        given = {"messages": row.given} if row.kind == "model" else row.given
        output: Any = {"choices": [{"message": row.output}]} if row.kind == "model" else row.output
        if row.call_id is not None:
            output = {"type": "tool", "tool_call_id": row.call_id, "content": row.output}
        kind = {"model": "CHAT_MODEL", "tool": "TOOL"}.get(row.kind, "AGENT")
        attributes = {"mlflow.spanType": kind, "mlflow.spanInputs": given, "mlflow.spanOutputs": output}
        attributes |= {"mlflow.llm.model": f"{name}-1"} if row.kind == "model" else {}
        spans.append(
            {
                "name": row.name,
                "span_id": row.id,
                "parent_span_id": row.parent,
                "start_time_unix_nano": place * 1_000_000_000,
                "end_time_unix_nano": place * 1_000_000_000 + 1,
                "attributes": {key: json.dumps(value) for key, value in attributes.items()},
            }
        )
    return [{"info": {"trace_id": "01", "tags": {"outcome": "success"}}, "data": {"spans": spans}}]


def otel(said: Sequence[dict[str, Any]], tools: Sequence[Tool] = (), *, name: str = "llm") -> list[dict[str, Any]]:
    spans = []
    for place, row in enumerate(_rows(said, tools, name=name)):
        attributes: dict[str, Any] = {"gen_ai.operation.name": "invoke_agent", "outcome": "success"}
        if row.kind == "model":
            attributes = {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": f"{name}-1",
                "gen_ai.input.messages": json.dumps(row.given),
                "gen_ai.output.messages": json.dumps([row.output]),
            }
        if row.kind == "tool":
            attributes = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": row.name,
                "gen_ai.tool.call.arguments": json.dumps(row.given),
                "gen_ai.tool.call.result": row.output,
            }
            attributes |= {"gen_ai.tool.call.id": row.call_id} if row.call_id else {}
        spans.append(
            {
                "traceId": "01",
                "spanId": row.id,
                "name": row.name,
                "parentSpanId": row.parent or "",
                "startTimeUnixNano": str(place * 1_000_000_000),
                "endTimeUnixNano": str(place * 1_000_000_000 + 1),
                "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
            }
        )
    return [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}]


def _at(place: int) -> str:
    return f"2026-10-01T10:00:{place:02}Z"


SMALL_TRACES: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "langsmith": langsmith,
    "otel": otel,
    "langfuse": langfuse,
    "mlflow": mlflow,
}
