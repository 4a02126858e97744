"""The conversation of `span_exports` in the formats of tracers that are not installed here, by their documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from toolft_pipeline_tests.ingest import span_conversation, span_exports


class _Made(NamedTuple):
    """A span: a model call (its turn), a tool's run (its call) or the root."""

    id: str
    kind: str
    name: str
    place: int
    turn: int = 0
    call: Any = None


def _made() -> Iterator[_Made]:
    yield _Made("a0", "root", "agent", 0)
    place = 0
    for turn in span_conversation.TURNS:
        place += 1
        yield _Made(f"a{place}", "model", "chat", place, turn=turn)
        for call in span_conversation.CONVERSATION[turn].get("tool_calls", ()):
            place += 1
            yield _Made(f"a{place}", "tool", call["function"]["name"], place, call=call)


def _result(call: dict[str, Any]) -> str:
    return next(one["content"] for one in span_conversation.CONVERSATION if one.get("tool_call_id") == call["id"])


def _otlp(spans: list[tuple[_Made, dict[str, Any]]], *, key: str = "resourceSpans") -> list[dict[str, Any]]:
    written = []
    for made, attributes in spans:
        pairs = [{"key": name, "value": _value(value)} for name, value in attributes.items() if value is not None]
        written.append(
            {
                "traceId": "5b",
                "spanId": made.id,
                "parentSpanId": "" if made.kind == "root" else "a0",
                "name": made.name,
                "startTimeUnixNano": str(made.place * 10**9),
                "endTimeUnixNano": str(made.place * 10**9 + 5),
                "attributes": pairs,
            }
        )
    return [{key: [{"scopeSpans": [{"spans": written}]}]}]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


# OpenInference, as Phoenix's instrumentations write it.


def _openinference() -> list[tuple[_Made, dict[str, Any]]]:
    spans = []
    for made in _made():
        attributes: dict[str, Any] = {"openinference.span.kind": "AGENT", "metadata": json.dumps(span_exports.METADATA)}
        if made.kind == "model":
            attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
            for place, message in enumerate(span_conversation.CONVERSATION[: made.turn]):
                attributes |= _numbered(f"llm.input_messages.{place}.message", message)
            attributes |= _numbered("llm.output_messages.0.message", span_conversation.CONVERSATION[made.turn])
            attributes["llm.tools.0.tool.json_schema"] = json.dumps(span_exports.TOOL)
            tokens = zip(("prompt", "completion"), span_exports.TOKENS, strict=True)
            attributes |= {f"llm.token_count.{side}": count for side, count in tokens}
        if made.kind == "tool":
            attributes = {
                "openinference.span.kind": "TOOL",
                "tool.name": made.name,
                "input.value": made.call["function"]["arguments"],
                "output.value": _result(made.call),
            }
        spans.append((made, attributes))
    return spans


def _numbered(prefix: str, message: dict[str, Any]) -> dict[str, Any]:
    found = {f"{prefix}.{key}": message[key] for key in ("role", "tool_call_id") if key in message}
    if message["role"] == "user":
        found |= {f"{prefix}.contents.0.message_content.type": "text"}
        found |= {f"{prefix}.contents.0.message_content.text": message["content"]}
    else:
        found[f"{prefix}.content"] = message["content"]
    for place, call in enumerate(message.get("tool_calls", ())):
        at = f"{prefix}.tool_calls.{place}.tool_call"
        found |= {f"{at}.id": call["id"], f"{at}.function.name": call["function"]["name"]}
        found |= {f"{at}.function.arguments": call["function"]["arguments"]}
    return found


def openinference_requests() -> list[dict[str, Any]]:
    return _otlp(_openinference())


def tempo_batches() -> list[dict[str, Any]]:
    """What Tempo's API answers: the same under another name, and with the name of scopes before OTLP 0.16."""
    (request,) = _otlp(_openinference(), key="batches")
    (group,) = request["batches"]
    group["instrumentationLibrarySpans"] = group.pop("scopeSpans")
    return [request]


def phoenix_spans() -> list[dict[str, Any]]:
    """`get_spans`: attributes by their whole names."""
    return [
        {
            "name": made.name,
            "context": {"trace_id": "5b", "span_id": made.id},
            "parent_id": None if made.kind == "root" else "a0",
            "span_kind": attributes["openinference.span.kind"],
            "start_time": f"2026-10-01T10:00:{made.place:02}Z",
            "end_time": f"2026-10-01T10:00:{made.place:02}.5Z",
            "status_code": "OK",
            "attributes": attributes,
            "events": [],
        }
        for made, attributes in _openinference()
    ]


def phoenix_rows() -> list[dict[str, Any]]:
    """A data frame of spans as JSON lines: one column a name, lists of messages whole, times in milliseconds."""
    rows = []
    for place, row in enumerate(phoenix_spans()):
        attributes: dict[str, Any] = {}
        for key, value in row["attributes"].items():
            side = next((side for side in ("llm.input_messages", "llm.output_messages") if key.startswith(side)), None)
            if side is None:
                attributes[key] = value
                continue
            number, _, rest = key.removeprefix(f"{side}.").partition(".")
            listed = attributes.setdefault(side, [])
            listed += [{} for _ in range(int(number) + 1 - len(listed))]
            listed[int(number)][rest] = value
        flat = {f"attributes.{key}": value for key, value in attributes.items()}
        context = {f"context.{key}": value for key, value in row["context"].items()}
        times = {"start_time": 1_760_000_000_000 + place * 1000, "end_time": 1_760_000_000_500 + place * 1000}
        rows.append({"name": row["name"], "parent_id": row["parent_id"], **context, **flat, **times})
    return rows


# The Vercel AI SDK.


def vercel_requests() -> list[dict[str, Any]]:
    spans = []
    for made in _made():
        attributes: dict[str, Any] = {"ai.operationId": "ai.generateText", "ai.prompt": "{}"}
        attributes |= {f"ai.telemetry.metadata.{key}": value for key, value in span_exports.METADATA.items()}
        if made.kind == "model":
            said = span_conversation.CONVERSATION[made.turn]
            prompt = [_model_message(message) for message in span_conversation.CONVERSATION[: made.turn]]
            calls = [
                _vercel_call(call) | {"input": call["function"]["arguments"]} for call in said.get("tool_calls", ())
            ]
            attributes = {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.prompt.messages": json.dumps(prompt),
                "ai.prompt.tools": [json.dumps({"type": "function", "name": "get_order", "inputSchema": {}})],
                "ai.response.text": said["content"],
                "ai.response.toolCalls": json.dumps(calls) if calls else None,
                "gen_ai.system": "openai",
                "gen_ai.usage.input_tokens": span_exports.TOKENS[0],
                "gen_ai.usage.output_tokens": span_exports.TOKENS[1],
            }
        if made.kind == "tool":
            attributes = {
                "ai.operationId": "ai.toolCall",
                "ai.toolCall.name": made.name,
                "ai.toolCall.id": made.call["id"],
                "ai.toolCall.args": made.call["function"]["arguments"],
                "ai.toolCall.result": json.dumps(_result(made.call)),
            }
        spans.append((made, attributes))
    return _otlp(spans)


def _vercel_call(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool-call", "toolCallId": call["id"], "toolName": call["function"]["name"]}


def _model_message(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] == "system":
        return message
    if message["role"] == "tool":
        output = {"type": "text", "value": message["content"]}
        part = {"type": "tool-result", "toolCallId": message["tool_call_id"], "toolName": "x", "output": output}
        return {"role": "tool", "content": [part]}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message["content"]}]
    calls = message.get("tool_calls", ())
    parts += [_vercel_call(call) | {"input": json.loads(call["function"]["arguments"])} for call in calls]
    return {"role": message["role"], "content": parts}


# The OpenAI Agents SDK, and the Responses API's items.


def agents_sdk_trace() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"object": "trace", "id": "t1", "metadata": span_exports.METADATA}]
    for made in _made():
        data: dict[str, Any] = {"type": "agent", "name": "A", "tools": ["get_order"]}
        if made.kind == "model":
            usage = dict(zip(("input_tokens", "output_tokens"), span_exports.TOKENS, strict=True))
            said = span_conversation.CONVERSATION
            data = {"type": "generation", "input": said[: made.turn], "output": [said[made.turn]], "usage": usage}
        if made.kind == "tool":
            given = made.call["function"]["arguments"]
            data = {"type": "function", "name": made.name, "input": given, "output": _result(made.call)}
        rows.append(
            {
                "object": "trace.span",
                "id": made.id,
                "trace_id": "t1",
                "parent_id": None if made.kind == "root" else "a0",
                "started_at": f"2026-10-01T10:00:{made.place:02}+00:00",
                "ended_at": f"2026-10-01T10:00:{made.place:02}.5+00:00",
                "span_data": data,
                "error": None,
            }
        )
    return rows


def responses_items(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chat messages as the items of OpenAI's Responses API."""
    items: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            given = {"call_id": message["tool_call_id"], "output": message["content"]}
            items.append({"type": "function_call_output", **given})
        elif message["role"] == "assistant":
            block = {"type": "output_text", "text": message["content"], "annotations": []}
            items.append({"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"})
            items.append({"type": "message", "id": "m", "role": "assistant", "content": [block], "status": "completed"})
            for call in message.get("tool_calls", ()):
                items.append({"type": "function_call", "id": "fc", "call_id": call["id"], **call["function"]})
        else:
            items.append(message)
    return items


def langfuse_responses() -> list[dict[str, Any]]:
    rows = span_exports.langfuse_observations()
    for row in (row for row in rows if row["type"] == "GENERATION"):
        given = json.loads(row["input"])
        row["input"] = {"input": responses_items(given["messages"]), "tools": given["tools"]}
        row["output"] = responses_items([json.loads(row["output"])])
    return rows
