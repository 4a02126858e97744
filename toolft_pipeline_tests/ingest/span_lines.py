"""The real exports with one span a line and times of their own, so that a test can cut a trace between any two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from toolft_pipeline_tests.ingest.langsmith_exports import langsmith_runs
from toolft_pipeline_tests.ingest.otel_exports import otel_requests
from toolft_pipeline_tests.ingest.span_exports import langfuse_observations, mlflow_trace


def _mlflow_lines() -> list[dict[str, Any]]:
    trace = mlflow_trace()
    return [{"info": trace["info"], "data": {"spans": [span]}} for span in trace["data"]["spans"]]


SPAN_LINES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "langsmith": langsmith_runs,
    "otel": lambda: otel_requests(batch=1),
    "langfuse": langfuse_observations,
    "mlflow": _mlflow_lines,
}

_PARENT = {
    "langsmith": "parent_run_id",
    "otel": "parentSpanId",
    "langfuse": "parentObservationId",
    "mlflow": "parent_span_id",
}
_TIMES = {
    "langsmith": ("start_time", "end_time"),
    "otel": ("startTimeUnixNano", "endTimeUnixNano"),
    "langfuse": ("startTime", "endTime"),
    "mlflow": ("start_time_unix_nano", "end_time_unix_nano"),
}


def span_of(export: str, row: dict[str, Any]) -> dict[str, Any]:
    """The span of a line: the line itself, or what it holds."""
    if export == "otel":
        span: dict[str, Any] = row["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        return span
    if export == "mlflow":
        span = row["data"]["spans"][0]
        return span
    return row


def root_of(export: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The line of the trace's root."""
    return next(row for row in rows if not span_of(export, row).get(_PARENT[export]))


def below(export: str, row: dict[str, Any], parent: str) -> None:
    """Put a line's span below another one."""
    span_of(export, row)[_PARENT[export]] = parent


def by_start(export: str, *, first: datetime) -> list[dict[str, Any]]:
    """The lines in the order in which their spans began, the root first: one begins every minute and takes half of
    one, the root ends a minute after the last began.
    """
    rows = SPAN_LINES[export]()
    root = root_of(export, rows)
    begin, end = _TIMES[export]
    began = sorted((row for row in rows if row is not root), key=lambda row: str(span_of(export, row)[begin]))
    ordered = [root, *began]
    for place, row in enumerate(ordered):
        at = first + timedelta(minutes=place)
        until = first + timedelta(minutes=len(rows)) if row is root else at + timedelta(seconds=30)
        span_of(export, row)[begin], span_of(export, row)[end] = _written(export, at), _written(export, until)
    return ordered


def _written(export: str, moment: datetime) -> str | int:
    nanoseconds = int(moment.timestamp()) * 1_000_000_000
    return {"otel": str(nanoseconds), "mlflow": nanoseconds}.get(export, moment.astimezone(UTC).isoformat())
