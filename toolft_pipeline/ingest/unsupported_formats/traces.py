"""Unsupported formats of traces and spans."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.ingest.parsing.json_shape import has_keys, objects, text_at, value_at
from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat

_SPANS = "export the trace as OTLP JSON (resourceSpans), one export a line"


def _otlp_logs(row: Any) -> bool:
    return has_keys(row, "resourceLogs")


def _otlp_metrics(row: Any) -> bool:
    return has_keys(row, "resourceMetrics")


def _jaeger(row: Any) -> bool:
    traces = objects(value_at(row, "data")) or [row]
    return any(
        has_keys(span, "traceID", "spanID") for trace in traces for span in [trace, *objects(value_at(trace, "spans"))]
    )


def _zipkin(row: Any) -> bool:
    spans = objects(row) or [row]
    return any(has_keys(span, "traceId", "id", "localEndpoint") for span in spans)


def _datadog(row: Any) -> bool:
    spans = objects(row) or objects(value_at(row, "spans")) or [row]
    return any(
        has_keys(span, "trace_id", "span_id", "ml_obs_kind") or has_keys(span, "meta", "span_id") for span in spans
    )


def _otlp_span(row: Any) -> bool:
    return has_keys(row, "traceId", "spanId") and isinstance(value_at(row, "attributes"), list)


def _wandb_weave(row: Any) -> bool:
    return has_keys(row, "op_name", "trace_id") and "inputs" in row


def _braintrust(row: Any) -> bool:
    return has_keys(row, "span_id", "root_span_id", "span_attributes")


def _helicone(row: Any) -> bool:
    return has_keys(row, "request_id", "request_body") or text_at(row, "helicone_url") != ""


TRACE_FORMATS: tuple[UnsupportedFormat, ...] = (
    UnsupportedFormat(
        name="an export of OpenTelemetry log records (OTLP, resourceLogs)",
        advice="export the traces (resourceSpans), with the content of messages recorded on their spans",
        row=_otlp_logs,
    ),
    UnsupportedFormat(
        name="an export of OpenTelemetry metrics (OTLP, resourceMetrics)",
        advice="export the traces (resourceSpans), with the content of messages recorded on their spans",
        row=_otlp_metrics,
    ),
    UnsupportedFormat(name="a trace of Jaeger", advice=_SPANS, row=_jaeger),
    UnsupportedFormat(name="spans of Zipkin", advice=_SPANS, row=_zipkin),
    UnsupportedFormat(name="spans of Datadog", advice=_SPANS, row=_datadog),
    UnsupportedFormat(
        name="a single OTLP span without its export request",
        advice="wrap it: `jq -c '{resourceSpans: [{scopeSpans: [{spans: [.]}]}]}' FILE`",
        row=_otlp_span,
    ),
    UnsupportedFormat(
        name="calls of W&B Weave", advice=f"{_SPANS}, or convert each run to OpenAI messages", row=_wandb_weave
    ),
    UnsupportedFormat(
        name="spans of Braintrust", advice=f"{_SPANS}, or convert each run to OpenAI messages", row=_braintrust
    ),
    UnsupportedFormat(
        name="requests of Helicone",
        advice="write one object a line with `messages`: those of request_body, and the answer of response_body",
        row=_helicone,
    ),
)
