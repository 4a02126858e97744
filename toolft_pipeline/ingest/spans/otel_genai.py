"""OpenTelemetry spans as OTLP JSON: one export request a line, as the collector's file exporter writes it.

Tempo's API answers the same under `batches`, and traces by id under `trace`. What the spans say is read by their
attributes (`span_conventions`); a span without any of these is context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.reading import UnsupportedError
from toolft_pipeline.ingest.spans.span import SideCallFilter, SpanBytes, TraceSpan
from toolft_pipeline.ingest.spans.span_attributes import Attributes
from toolft_pipeline.ingest.spans.span_conventions import metadata_of, read_attributes

_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Bits of a span's flags (opentelemetry-proto, SpanFlags): whether it is known where the parent is, and where."""

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


class _Span(Struct, rename="camel"):
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
        """The spans by their resources; None where the request is none of spans."""
        given = self.resource_spans if self.resource_spans is not None else self.batches
        return self.trace.groups() if given is None and self.trace is not None else given


_REQUEST = msgspec.json.Decoder(_Request)
_OWNER = msgspec.json.Decoder(_Owner)
_SPAN = msgspec.json.Decoder(_Span)


class OtelGenAi:
    """A line is a batch of spans, of any traces."""

    def pieces(self, line: bytes) -> list[SpanBytes]:
        """The spans of the line; a line of metrics or log records is none."""
        spans = list(_spans(_REQUEST.decode(line)))
        if not spans:
            raise UnsupportedError("a request without spans")
        return [SpanBytes(trace_id=_OWNER.decode(span).trace_id, data=bytes(span)) for span in spans]

    def span(self, data: bytes, *, side: SideCallFilter) -> TraceSpan:
        """One span, read by its attributes and by those of its content events."""
        span = _SPAN.decode(data)
        said = read_attributes(
            _attributes(span.attributes),
            [(event.name, _attributes(event.attributes)) for event in span.events],
            name=span.name,
            failure=span.status.message if span.status is not None else None,
            side=side,
        )
        return TraceSpan(
            span_id=span.span_id,
            name=span.name,
            kind=said.kind,
            parent_id=span.parent_span_id if (span.parent_span_id or "").strip("0") else None,
            parent_elsewhere=_parent_elsewhere(span.flags, said.attributes),
            started_ns=_integer(span.start_time_unix_nano),
            ended_ns=_integer(span.end_time_unix_nano),
            failed=span.status is not None and span.status.code in (2, "2", "STATUS_CODE_ERROR"),
            generation=said.generation,
            tool=said.tool,
            metadata=metadata_of(said.attributes),
        )


def _spans(request: _Request) -> Iterator[Raw]:
    """The spans of a request."""
    groups = request.groups()
    if groups is None:
        raise msgspec.ValidationError("Object missing required field `resourceSpans`")
    for group in groups:
        for scope in (*group.scope_spans, *group.instrumentation_library_spans):
            yield from scope.spans


def _parent_elsewhere(flags: int | None, attributes: Attributes) -> bool | None:
    """Whether the parent is another service's, by OTLP's flags, which exporters before 2024 leave out.

    Langfuse's SDK marks where an application begins: the parent is another's, or one that it made up for a trace id
    of the caller's choice and that the flags call local.
    """
    if any(attributes.get(name) in (True, "true") for name in _APP_ROOT):
        return True
    return bool(flags & _IS_REMOTE) if flags is not None and flags & _HAS_IS_REMOTE else None


def _attributes(pairs: Sequence[_Pair]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: _Value | None) -> Any:
    """An OTLP value as a plain one; bytes are none."""
    if value is None:
        return None
    if value.array_value is not None:
        return [_plain(one) for one in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    if value.int_value is not None:
        return _integer(value.int_value)
    return next((one for one in (value.string_value, value.bool_value, value.double_value) if one is not None), None)


def _integer(value: str | int | None) -> int | None:
    """OTLP JSON writes 64-bit integers as text."""
    if value is None or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return _integer(int(value))
    raise msgspec.ValidationError("Expected a 64-bit integer in a span")


_INTEGER = re.compile(r"-?[0-9]{1,19}")
