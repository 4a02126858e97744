"""OpenTelemetry spans as OTLP JSON, one export request a line.

The collector's file exporter writes such files. Tempo's API answers the same under `batches`, and traces by id under
`trace`. The content of a span is read from its attributes (`span_conventions`); a span without known attributes is
context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.json_shape import objects
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError
from toolft_pipeline.ingest.spans.span import SideCallFilter, SpanBytes, SpanFormat, TraceSpan
from toolft_pipeline.ingest.spans.span_attributes import Attributes
from toolft_pipeline.ingest.spans.span_conventions import metadata_of, read_attributes

_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Bits of a span's flags (opentelemetry-proto, SpanFlags): whether the second bit is valid; whether the parent is
remote."""

_APP_ROOT = ("langfuse.internal.is_app_root", "langfuse.internal.as_root")


class _Value(Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | int | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None


class _Values(Struct):
    values: list[_Value] = []


class _Pair(Struct):
    key: str
    value: _Value | None = None


class _Pairs(Struct):
    values: list[_Pair] = []


class _Event(Struct):
    name: str = ""
    attributes: list[_Pair] = []


class _Status(Struct):
    code: str | int | None = None
    message: str | None = None


class _OtlpSpan(Struct, rename="camel"):
    span_id: str
    name: str = ""
    parent_span_id: str | None = None
    flags: int | None = None
    start_time_unix_nano: str | int | None = None
    end_time_unix_nano: str | int | None = None
    attributes: list[_Pair] = []
    events: list[_Event] = []
    status: _Status | None = None


class _Owner(Struct, rename="camel"):
    trace_id: str


class _Scope(Struct):
    spans: list[Raw] = []


class _Resource(Struct, rename="camel"):
    scope_spans: list[_Scope] = []
    instrumentation_library_spans: list[_Scope] = []
    """The name before OTLP 0.16."""


class _Request(Struct, rename="camel"):
    resource_spans: list[_Resource] | None = None
    batches: list[_Resource] | None = None
    trace: _Request | None = None

    def groups(self) -> list[_Resource] | None:
        """Return the spans by resource; None if the request is not one of spans."""
        given = self.resource_spans if self.resource_spans is not None else self.batches
        return self.trace.groups() if given is None and self.trace is not None else given


_REQUEST = msgspec.json.Decoder(_Request)
_OWNER = msgspec.json.Decoder(_Owner)
_SPAN = msgspec.json.Decoder(_OtlpSpan)


def _split(line: bytes) -> list[SpanBytes]:
    """Return the spans of the line, which may belong to any traces."""
    spans = list(_spans(_REQUEST.decode(line)))
    if not spans:
        raise UnsupportedError("an export request without spans; export traces, not metrics or log records alone")
    return [SpanBytes(trace_id=_OWNER.decode(span).trace_id, data=bytes(span)) for span in spans]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read a span from its attributes and those of its content events."""
    span = _SPAN.decode(data)
    content = read_attributes(
        _attributes(span.attributes),
        [(event.name, _attributes(event.attributes)) for event in span.events],
        name=span.name,
        failure=span.status.message if span.status is not None else None,
        side_calls=side_calls,
    )
    return TraceSpan(
        span_id=span.span_id,
        name=span.name,
        kind=content.kind,
        parent_id=span.parent_span_id if (span.parent_span_id or "").strip("0") else None,
        parent_is_remote=_is_parent_remote(span.flags, content.attributes),
        started_ns=_integer(span.start_time_unix_nano),
        ended_ns=_integer(span.end_time_unix_nano),
        failed=span.status is not None and span.status.code in (2, "2", "STATUS_CODE_ERROR"),
        model_call=content.model_call,
        tool=content.tool,
        metadata=metadata_of(content.attributes),
    )


def _spans(request: _Request) -> Iterator[Raw]:
    """Yield the spans of a request."""
    groups = request.groups()
    if groups is None:
        raise msgspec.ValidationError("Object missing required field `resourceSpans`")
    for group in groups:
        for scope in (*group.scope_spans, *group.instrumentation_library_spans):
            yield from scope.spans


def _is_parent_remote(flags: int | None, attributes: Attributes) -> bool | None:
    """Whether the parent belongs to another service, by OTLP's flags.

    None for exporters before 2024, which omit them. Langfuse's SDK marks the first span of an application. Its parent
    belongs to another service, or the SDK invented it for a trace id that the caller chose, and then the flags call it
    local.
    """
    if any(attributes.get(name) in (True, "true") for name in _APP_ROOT):
        return True
    return bool(flags & _IS_REMOTE) if flags is not None and flags & _HAS_IS_REMOTE else None


def _attributes(pairs: Sequence[_Pair]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: _Value | None) -> Any:
    """Return an OTLP value as a Python value; bytes become None."""
    if value is None:
        return None
    if value.array_value is not None:
        return [_value(one) for one in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    if value.int_value is not None:
        return _integer(value.int_value)
    return next((one for one in (value.string_value, value.bool_value, value.double_value) if one is not None), None)


def _integer(value: str | int | None) -> int | None:
    """Parse a 64-bit integer, which OTLP JSON writes as text."""
    if value is None or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return _integer(int(value))
    raise msgspec.ValidationError("Expected a 64-bit integer in a span")


_INTEGER = re.compile(r"-?[0-9]{1,19}")


def _recognizes(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    requests = objects([row, row.get("trace")])
    return any("resourceSpans" in one or _are_tempo_batches(one.get("batches")) for one in requests)


def _are_tempo_batches(value: Any) -> bool:
    """Whether a value is what Tempo answers under `batches`: spans by their scopes."""
    return any("scopeSpans" in one or "instrumentationLibrarySpans" in one for one in objects(value))


OTEL = SpanFormat(
    name="otel",
    description="OpenTelemetry spans as OTLP JSON, and the answers of Tempo's API",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
