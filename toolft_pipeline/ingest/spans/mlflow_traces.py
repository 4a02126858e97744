"""MLflow traces, one a line: `info` and `data.spans`.

`Trace.to_json` and `mlflow traces get` write them. A span of type CHAT_MODEL or LLM is a model call, one of type TOOL a
tool run. Attributes are JSON text. The tags and request metadata of the trace hold the run's fields; an assessment may
hold its outcome.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

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
)
from toolft_pipeline.ingest.spans.span_payload import TokenCounts, argument_text, read_answer, read_prompt
from toolft_pipeline.trajectories.record import Count


class _Value(Struct):
    value: Raw = NULL


class _Assessment(Struct):
    assessment_name: str = ""
    name: str = ""
    feedback: _Value | None = None
    valid: bool | None = None


class _Info(Struct):
    trace_id: str | None = None
    request_id: str | None = None
    state: str | None = None
    status: str | None = None
    trace_metadata: dict[str, Raw] = {}
    request_metadata: dict[str, Raw] = {}
    tags: dict[str, Raw] | list[Any] = {}
    assessments: list[_Assessment] = []


class _InfoPiece(Struct):
    info: _Info


class _Data(Struct):
    spans: list[Raw] = []


class _Trace(Struct):
    info: Raw
    data: _Data


class _Context(Struct):
    span_id: str


class _Status(Struct):
    code: str | int | None = None
    message: str | None = None


class _MlflowSpan(Struct):
    """A span with OpenTelemetry's fields, or with those before MLflow 2.22.

    The older ones are `context`, `parent_id` and `start_time`.
    """

    name: str = ""
    span_id: str | None = None
    context: _Context | None = None
    parent_span_id: str | None = None
    parent_id: str | None = None
    start_time_unix_nano: Count | None = None
    end_time_unix_nano: Count | None = None
    start_time: Count | None = None
    end_time: Count | None = None
    status: _Status | None = None
    status_code: str | None = None
    status_message: str | None = None
    attributes: dict[str, Raw] = {}


_TRACE = msgspec.json.Decoder(_Trace)
_INFO = msgspec.json.Decoder(_Info)
_INFO_PIECE = msgspec.json.Decoder(_InfoPiece)
_SPAN = msgspec.json.Decoder(_MlflowSpan)
_KINDS = {"CHAT_MODEL": SpanKind.MODEL_CALL, "LLM": SpanKind.MODEL_CALL, "TOOL": SpanKind.TOOL}
_TRACE_SPAN = "trace"


def _split(line: bytes) -> list[SpanBytes]:
    """Return the info and the spans of the line's trace."""
    trace = _TRACE.decode(line)
    info = _INFO.decode(trace.info)
    trace_id = info.trace_id or info.request_id
    if trace_id is None:
        raise msgspec.ValidationError("Object missing required field `trace_id` - at `$.info`")
    head = SpanBytes(trace_id=trace_id, data=b'{"info":' + bytes(trace.info) + b"}")
    return [head, *(SpanBytes(trace_id=trace_id, data=bytes(span)) for span in trace.data.spans)]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read a span; the info is a span without times."""
    if data.startswith(b'{"info":'):
        return _info_span(_INFO_PIECE.decode(data).info)
    span = _SPAN.decode(data)
    kind = _KINDS.get(_text(span.attributes.get("mlflow.spanType", NULL)) or "", SpanKind.OTHER)
    models = (_text(span.attributes.get(key, NULL)) for key in ("mlflow.llm.model", "mlflow.chat.model"))
    kind = side_calls.grounded_kind(kind, span.name, *models)
    span_id = span.span_id or (span.context and span.context.span_id)
    if not span_id:
        raise msgspec.ValidationError("Object missing required field `span_id` - at a span")
    codes = (span.status.code if span.status else None, span.status_code)
    return TraceSpan(
        span_id=span_id,
        name=span.name,
        kind=kind,
        parent_id=span.parent_span_id or span.parent_id,
        started_ns=_first(span.start_time_unix_nano, span.start_time),
        ended_ns=_first(span.end_time_unix_nano, span.end_time),
        failed=any(code in ("STATUS_CODE_ERROR", "ERROR", 2) for code in codes),
        model_call=_model_call(span.attributes) if kind is SpanKind.MODEL_CALL else None,
        tool=_tool(span) if kind is SpanKind.TOOL else None,
    )


def _info_span(info: _Info) -> TraceSpan:
    given = [(one.assessment_name or one.name, one.feedback.value) for one in info.assessments if one.feedback]
    tags = info.tags if isinstance(info.tags, dict) else {}
    return TraceSpan(
        span_id=_TRACE_SPAN,
        failed="ERROR" in (info.state, info.status),
        scores=outcome_scores(given),
        metadata={**info.request_metadata, **info.trace_metadata, **tags},
    )


def _model_call(attributes: dict[str, Raw]) -> ModelCall:
    history, tools = read_prompt(_value(attributes.get("mlflow.spanInputs", NULL)))
    defined = unwrap_json_text(attributes.get("mlflow.chat.tools", NULL))
    tokens = decode_struct(attributes.get("mlflow.chat.tokenUsage", NULL), TokenCounts)
    return ModelCall(
        history=history,
        answer=read_answer(_value(attributes.get("mlflow.spanOutputs", NULL))),
        tools=defined if defined != NULL else tools,
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _tool(span: _MlflowSpan) -> ToolRun:
    output = _value(span.attributes.get("mlflow.spanOutputs", NULL))
    result = read_result(output)
    message = (span.status and span.status.message) or span.status_message
    if result is None and message:
        result = read_result(Raw(msgspec.json.encode(message)))
    return ToolRun(
        name=_text(span.attributes.get("mlflow.spanFunctionName", NULL)) or span.name,
        call_id=call_id_of_output(output),
        arguments_json=argument_text(_value(span.attributes.get("mlflow.spanInputs", NULL))),
        result=result,
    )


def _value(attribute: Raw) -> Raw:
    """Decode the value of an attribute from its JSON text."""
    if not bytes(attribute).startswith(b'"'):
        return attribute
    text = msgspec.json.decode(attribute, type=str)
    try:
        return decode_nested(text.encode(), Raw)
    except msgspec.DecodeError:
        return attribute


def _text(attribute: Raw) -> str | None:
    value = _value(attribute)
    return msgspec.json.decode(value, type=str) if bytes(value).startswith(b'"') else None


def _first(*times: int | None) -> int | None:
    return next((time for time in times if time is not None), None)


def _recognizes(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("info"), dict) and "spans" in (row.get("data") or ())


MLFLOW = SpanFormat(
    name="mlflow",
    description="MLflow traces (`Trace.to_json`, `mlflow traces get`)",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
