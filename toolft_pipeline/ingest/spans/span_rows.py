"""Spans as plain JSON objects, one a line, with `context` and `attributes`.

Written by Arize Phoenix (`get_spans`, its REST API, a data frame of spans as JSON lines) and by OpenTelemetry's
`ReadableSpan.to_json`. A data frame joins the names of nested objects by dots; both forms are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from toolft_pipeline.ingest.parsing.json_shape import has_keys
from toolft_pipeline.ingest.spans.span import SideCallFilter, SpanBytes, SpanFormat, TraceSpan, parse_time_ns
from toolft_pipeline.ingest.spans.span_attributes import text_or_none
from toolft_pipeline.ingest.spans.span_conventions import metadata_of, read_attributes

_TIME_UNITS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
"""Lower bounds of a time in nano-, micro-, milliseconds and seconds since 1970, and the nanoseconds of a unit."""


def _split(line: bytes) -> list[SpanBytes]:
    """Return the span of the line."""
    row = _row(line)
    trace_id = _text(row, "context.trace_id", "trace_id")
    if trace_id is None:
        raise msgspec.ValidationError("Object missing required field `trace_id` - at `$.context`")
    return [SpanBytes(trace_id=trace_id, data=line)]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read a span from its attributes and events."""
    row = _row(data)
    name = _text(row, "name") or ""
    attributes = {key.removeprefix("attributes."): value for key, value in row.items() if key.startswith("attributes.")}
    content = read_attributes(
        attributes,
        list(_events(data)),
        name=name,
        failure=_text(row, "status_message", "status.description"),
        side_calls=side_calls,
    )
    span_id = _text(row, "context.span_id", "span_id")
    if span_id is None:
        raise msgspec.ValidationError("Object missing required field `span_id` - at `$.context`")
    return TraceSpan(
        span_id=span_id,
        name=name,
        kind=content.kind,
        parent_id=_text(row, "parent_id") or None,
        started_ns=_time(row.get("start_time")),
        ended_ns=_time(row.get("end_time")),
        failed="ERROR" in (row.get("status_code"), row.get("status.status_code")),
        model_call=content.model_call,
        tool=content.tool,
        metadata=metadata_of(content.attributes),
    )


def _row(line: bytes) -> dict[str, Any]:
    """Return the fields of a line by their full dotted names."""
    row = msgspec.json.decode(line, type=dict[str, Any])
    flat = dict(_flat({key: value for key, value in row.items() if key != "events"}, ""))
    kind = flat.get("span_kind")
    if isinstance(kind, str):  # Phoenix writes it next to the attributes too
        flat.setdefault("attributes.openinference.span.kind", kind)
    return flat


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{place}")
    else:
        yield name, value


def _events(line: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the events of a span with their names."""
    listed = msgspec.json.decode(line, type=dict[str, Any]).get("events")
    for one in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ():
        if isinstance(one, dict) and isinstance(one.get("attributes"), dict):
            yield str(one.get("name")), one["attributes"]


def _text(row: Mapping[str, Any], *names: str) -> str | None:
    return next((text for name in names if (text := text_or_none(row.get(name)))), None)


def _time(value: Any) -> int | None:
    """Parse ISO 8601, or a number since 1970 whose size decides its unit."""
    if isinstance(value, str):
        return parse_time_ns(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    unit = next(unit for least, unit in _TIME_UNITS if abs(value) >= least)
    if not abs(value) * unit < 2**63:
        raise msgspec.ValidationError("Expected a time before the year 2262 in a span")
    return int(value * unit)


def _recognizes(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    context = row.get("context")
    is_nested = isinstance(context, dict) and "trace_id" in context and isinstance(row.get("attributes"), dict)
    return is_nested or has_keys(row, "context.trace_id", "context.span_id")


SPAN_ROWS = SpanFormat(
    name="span_rows",
    description="spans as plain JSON objects: Arize Phoenix, `ReadableSpan.to_json`",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
