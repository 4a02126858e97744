"""The OpenAI Agents SDK's own traces: objects `trace` and `trace.span`, one a line, or a batch of them under `data`.

A span of type generation is a model call (chat completions), one of type function a tool's run. The SDK exports
responses of the Responses API by their id alone: what was said is then nowhere in the trace, and it is refused.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import opened
from toolft_pipeline.ingest.parsing.reading import NULL
from toolft_pipeline.ingest.spans.span import (
    ModelCall,
    SideCallFilter,
    SpanBytes,
    SpanKind,
    ToolRun,
    TraceSpan,
    nanoseconds,
)
from toolft_pipeline.ingest.spans.span_messages import read_result
from toolft_pipeline.ingest.spans.span_payload import (
    LossyExportError,
    TokenCounts,
    argument_text,
    read_answer,
    read_prompt,
)


class _Said(Struct):
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
    span_data: _Said | None = None
    error: Raw = NULL
    metadata: Raw = NULL


class _Error(Struct):
    message: Raw = NULL


class _Batch(Struct):
    data: list[Raw] | None = None


_ROW = msgspec.json.Decoder(_Row)
_BATCH = msgspec.json.Decoder(_Batch)
_KINDS = {"generation": SpanKind.GENERATION, "response": SpanKind.GENERATION, "function": SpanKind.TOOL}


class AgentsSdk:
    """One trace or span a line, or several as the SDK sends them."""

    def pieces(self, line: bytes) -> list[SpanBytes]:
        """The line's object, or those of its batch."""
        listed = _BATCH.decode(line).data
        rows = [Raw(line)] if listed is None else listed
        if not rows:
            raise msgspec.ValidationError("Expected at least one trace or span - at `$.data`")
        found = [(_ROW.decode(row), bytes(row)) for row in rows]
        return [SpanBytes(trace_id=row.trace_id or row.id, data=data) for row, data in found]

    def span(self, data: bytes, *, side: SideCallFilter) -> TraceSpan:
        """The object as a span; the trace is one without times."""
        row = _ROW.decode(data)
        said = row.span_data or _Said()
        kind = side.kind(_KINDS.get(said.type, SpanKind.OTHER), said.name, said.model)
        return TraceSpan(
            span_id=row.id,
            name=said.name or said.type,
            kind=kind,
            parent_id=row.parent_id or None,
            started_ns=nanoseconds(row.started_at),
            ended_ns=nanoseconds(row.ended_at),
            failed=row.error != NULL,
            generation=_generation(said) if kind is SpanKind.GENERATION else None,
            tool=_tool(said, row.error) if kind is SpanKind.TOOL else None,
            metadata=opened(row.metadata, dict[str, Raw]),
        )


def _generation(said: _Said) -> ModelCall:
    output = said.output if said.output != NULL else said.response
    if said.type == "response" and NULL in (said.input, output):
        raise LossyExportError(
            "the Agents SDK's trace names a response by its id alone; let a trace processor write the messages, or "
            "export OpenTelemetry spans (OpenInference has an instrumentation of the SDK)"
        )
    history, _ = read_prompt(said.input)
    tokens = opened(said.usage, TokenCounts)
    return ModelCall(
        history=history,
        answer=read_answer(output),
        tools=said.tools if bytes(said.tools).startswith(b"[{") else NULL,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _tool(said: _Said, error: Raw) -> ToolRun:
    result = read_result(said.output)
    if result is None:
        result = read_result(opened(error, _Error).message if bytes(error).startswith(b"{") else error)
    return ToolRun(name=said.name or "", arguments_json=argument_text(said.input), result=result)
