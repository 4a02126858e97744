"""Langfuse observations, one a line.

They are snake_case rows of the blob export, or camelCase rows of the API. A line may also be a whole trace with its
`observations` and `scores`, as the API's trace endpoint answers. A GENERATION is a model call, a TOOL a tool run.
LangChain's handler writes the offered tools after the messages, as messages of the role `tool` whose content is an
object; they are read as tools. A root observation may name a parent that does not exist: the SDK invents one if the
caller chose the trace id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_nested, decode_struct, unwrap_json_text
from toolft_pipeline.ingest.spans.message_blocks import call_id_of_output, read_result
from toolft_pipeline.ingest.spans.span import (
    ModelCall,
    SideCallFilter,
    SpanBytes,
    SpanFormat,
    SpanKind,
    ToolRun,
    TraceSpan,
    outcome_scores,
    parse_time_ns,
)
from toolft_pipeline.ingest.spans.span_payload import TokenCounts, argument_text, read_answer, read_prompt


class _Score(Struct, rename="camel"):
    name: str
    value: Raw = NULL
    string_value: Raw = NULL


class _Row(Struct):
    """An observation, or a trace: a trace has no type and its id is its own."""

    id: str
    type: str | None = None
    name: str | None = None
    trace_id: str | None = None
    trace_id_: str | None = field(default=None, name="traceId")
    parent: str | None = field(default=None, name="parent_observation_id")
    parent_: str | None = field(default=None, name="parentObservationId")
    is_root: bool | None = field(default=None, name="is_root_observation")
    is_root_: bool | None = field(default=None, name="isRootObservation")
    start: str | None = field(default=None, name="start_time")
    start_: str | None = field(default=None, name="startTime")
    end: str | None = field(default=None, name="end_time")
    end_: str | None = field(default=None, name="endTime")
    level: str | None = None
    model: str | None = None
    provided_model: str | None = field(default=None, name="provided_model_name")
    provided_model_: str | None = field(default=None, name="providedModelName")
    status_message: str | None = None
    status_message_: str | None = field(default=None, name="statusMessage")
    input: Raw = NULL
    output: Raw = NULL
    metadata: Raw = NULL
    usage_details: Raw = NULL
    usage_details_: Raw = field(default=NULL, name="usageDetails")
    tools: Raw = field(default=NULL, name="tool_definitions")
    tools_: Raw = field(default=NULL, name="toolDefinitions")
    scores: list[Raw] = []


class _Owner(Struct):
    id: str | None = None
    trace: Raw = NULL
    trace_id: str | None = None
    trace_id_: str | None = field(default=None, name="traceId")
    observations: list[Raw] = []


class _ToolMessage(Struct):
    role: str | None = None
    content: Raw = NULL


_ROW = msgspec.json.Decoder(_Row)
_OWNER = msgspec.json.Decoder(_Owner)


def _split(line: bytes) -> list[SpanBytes]:
    """Return the observation of the line, or the trace and each of its observations.

    Downloads from older versions of the UI have the trace next to its observations.
    """
    owner = _OWNER.decode(line)
    whole, head = (line, owner) if owner.trace == NULL else (bytes(owner.trace), _OWNER.decode(owner.trace))
    trace_id = head.trace_id or head.trace_id_ or head.id
    if not trace_id:
        raise msgspec.ValidationError("Object missing required field `id`")
    inside = [SpanBytes(trace_id=trace_id, data=bytes(row)) for row in owner.observations if bytes(row)[:1] == b"{"]
    return [SpanBytes(trace_id=trace_id, data=whole), *inside]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read an observation as a span; a trace is a span without times."""
    row = _ROW.decode(data)
    kind = {"GENERATION": SpanKind.MODEL_CALL, "TOOL": SpanKind.TOOL}.get(row.type or "", SpanKind.OTHER)
    kind = side_calls.grounded_kind(kind, row.name, row.model or row.provided_model or row.provided_model_)
    given = [msgspec.json.decode(score, type=_Score) for score in row.scores if bytes(score)[:1] == b"{"]
    return TraceSpan(
        span_id=row.id,
        name=row.name or "",
        kind=kind,
        parent_id=row.parent or row.parent_ or None,
        parent_is_remote=row.is_root or row.is_root_ or None,
        started_ns=parse_time_ns(row.start or row.start_),
        ended_ns=parse_time_ns(row.end or row.end_),
        failed=row.level == "ERROR",
        model_call=_model_call(row) if kind is SpanKind.MODEL_CALL else None,
        tool=_tool(row) if kind is SpanKind.TOOL else None,
        scores=outcome_scores(
            (score.name, score.string_value if score.value == NULL else score.value) for score in given
        ),
        metadata=_metadata(row.metadata),
    )


def _model_call(row: _Row) -> ModelCall:
    messages, offered = _split_off_tools(unwrap_json_text(row.input))
    history, tools = read_prompt(messages)
    defined = row.tools if row.tools != NULL else row.tools_
    tokens = decode_struct(row.usage_details if row.usage_details != NULL else row.usage_details_, TokenCounts)
    return ModelCall(
        history=history,
        answer=read_answer(row.output),
        tools=next((raw for raw in (tools, offered, defined) if raw != NULL), NULL),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _split_off_tools(prompt: Raw) -> tuple[Raw, Raw]:
    """Split a prompt into its messages and the tools that are written as messages."""
    if not bytes(prompt).startswith(b"["):
        return prompt, NULL
    items = decode_nested(prompt, list[Raw])
    contents = [_tool_definition(item) for item in items]
    offered = [content for content in contents if content != NULL]
    if not offered:
        return prompt, NULL
    return _list([item for item, content in zip(items, contents, strict=True) if content == NULL]), _list(offered)


def _tool_definition(item: Raw) -> Raw:
    if not bytes(item).startswith(b"{"):
        return NULL
    message = msgspec.json.decode(item, type=_ToolMessage)
    return message.content if message.role == "tool" and bytes(message.content).startswith(b"{") else NULL


def _list(items: Sequence[Raw]) -> Raw:
    return Raw(b"[" + b",".join(map(bytes, items)) + b"]")


def _tool(row: _Row) -> ToolRun:
    result = read_result(row.output)
    message = row.status_message or row.status_message_
    if result is None and row.level == "ERROR" and message:
        result = read_result(Raw(msgspec.json.encode(message)))
    return ToolRun(
        name=row.name or "",
        call_id=call_id_of_output(row.output),
        arguments_json=argument_text(row.input),
        result=result,
    )


def _metadata(value: Raw) -> dict[str, Raw]:
    value = unwrap_json_text(value)
    if not bytes(value).startswith(b"{"):
        return {}
    return {key: _unquoted(one) for key, one in decode_nested(value, dict[str, Raw]).items()}


def _unquoted(value: Raw) -> Raw:
    """Remove the JSON quotes that the SDK puts around a text inside its own text."""
    if not bytes(value).startswith(b'"\\"'):
        return value
    try:
        inner = Raw(msgspec.json.decode(value, type=str).encode())
        msgspec.json.decode(inner, type=str)
    except msgspec.DecodeError:
        return value
    return inner


def _recognizes(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    is_observation = row.get("type") in _OBSERVATION_TYPES and ("traceId" in row or "trace_id" in row)
    inner = row.get("trace")
    head = inner if isinstance(inner, dict) else row
    return is_observation or (isinstance(row.get("observations"), list) and "id" in head)


_OBSERVATION_TYPES = (
    *("GENERATION", "SPAN", "TOOL", "AGENT", "CHAIN", "EVENT"),
    *("RETRIEVER", "GUARDRAIL", "EVALUATOR", "EMBEDDING"),
)


LANGFUSE = SpanFormat(
    name="langfuse",
    description="Langfuse observations, or traces with their observations",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
