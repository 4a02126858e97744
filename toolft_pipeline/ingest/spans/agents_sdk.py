"""Traces of the OpenAI Agents SDK.

A line is an object `trace` or `trace.span`, or a batch of them under `data`. A span of type generation is a model call
(chat completions), one of type function a tool run. The SDK exports a response of the Responses API as an id without
content; such a trace is refused.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.json_shape import objects
from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_struct
from toolft_pipeline.ingest.spans.message_blocks import read_result
from toolft_pipeline.ingest.spans.span import (
    ModelCall,
    SideCallFilter,
    SpanBytes,
    SpanFormat,
    SpanKind,
    ToolRun,
    TraceSpan,
    parse_time_ns,
)
from toolft_pipeline.ingest.spans.span_payload import (
    LossyExportError,
    TokenCounts,
    argument_text,
    read_answer,
    read_prompt,
)


class _SpanData(Struct):
    type: str = ""
    name: str | None = None
    model: str | None = None
    input: Raw = NULL
    output: Raw = NULL
    response: Raw = NULL
    tools: Raw = NULL
    usage: Raw = NULL


class _Row(Struct):
    id: str
    object: str = ""
    trace_id: str | None = None
    parent_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    span_data: _SpanData | None = None
    error: Raw = NULL
    metadata: Raw = NULL


class _Error(Struct):
    message: Raw = NULL


class _Batch(Struct):
    data: list[Raw] | None = None


_ROW = msgspec.json.Decoder(_Row)
_BATCH = msgspec.json.Decoder(_Batch)
_KINDS = {"generation": SpanKind.MODEL_CALL, "response": SpanKind.MODEL_CALL, "function": SpanKind.TOOL}


def _split(line: bytes) -> list[SpanBytes]:
    """Return the object of the line, or those of its batch."""
    listed = _BATCH.decode(line).data
    rows = [Raw(line)] if listed is None else listed
    if not rows:
        raise msgspec.ValidationError("Expected at least one trace or span - at `$.data`")
    decoded = [(_ROW.decode(row), bytes(row)) for row in rows]
    return [SpanBytes(trace_id=row.trace_id or row.id, data=data) for row, data in decoded]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read an object as a span; a trace is a span without times."""
    row = _ROW.decode(data)
    content = row.span_data or _SpanData()
    kind = side_calls.grounded_kind(_KINDS.get(content.type, SpanKind.OTHER), content.name, content.model)
    return TraceSpan(
        span_id=row.id,
        name=content.name or content.type,
        kind=kind,
        parent_id=row.parent_id or None,
        started_ns=parse_time_ns(row.started_at),
        ended_ns=parse_time_ns(row.ended_at),
        failed=row.error != NULL,
        model_call=_model_call(content) if kind is SpanKind.MODEL_CALL else None,
        tool=_tool(content, row.error) if kind is SpanKind.TOOL else None,
        metadata=decode_struct(row.metadata, dict[str, Raw]),
    )


def _model_call(data: _SpanData) -> ModelCall:
    output = data.output if data.output != NULL else data.response
    if data.type == "response" and NULL in (data.input, output):
        raise LossyExportError(
            "the Agents SDK's trace holds a response's id without its content; write the messages with a trace "
            "processor, or export OpenTelemetry spans (OpenInference instruments the SDK)"
        )
    history, _ = read_prompt(data.input)
    tokens = decode_struct(data.usage, TokenCounts)
    return ModelCall(
        history=history,
        answer=read_answer(output),
        tools=data.tools if bytes(data.tools).startswith(b"[{") else NULL,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _tool(data: _SpanData, error: Raw) -> ToolRun:
    result = read_result(data.output)
    if result is None:
        result = read_result(decode_struct(error, _Error).message if bytes(error).startswith(b"{") else error)
    return ToolRun(name=data.name or "", arguments_json=argument_text(data.input), result=result)


def _recognizes(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    batch = row.get("data")
    return any(
        one.get("object") in ("trace", "trace.span") for one in objects(batch if isinstance(batch, list) else [row])
    )


AGENTS_SDK = SpanFormat(
    name="agents_sdk",
    description="traces of the OpenAI Agents SDK (`trace` and `trace.span` objects)",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
