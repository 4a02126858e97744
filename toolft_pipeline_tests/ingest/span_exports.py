"""One conversation as traces of real tracers, written in memory by their own objects and serializers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from langfuse import Langfuse
from langfuse.api import ObservationV2
from mlflow.entities import Feedback, LiveSpan, SpanType, Trace, TraceData, TraceInfo, TraceLocation, TraceState
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_span_in_context

from toolft_pipeline_tests.ingest import span_conversation
from toolft_pipeline_tests.ingest.langsmith_exports import langsmith_runs
from toolft_pipeline_tests.ingest.otel_exports import otel_requests
from toolft_pipeline_tests.ingest.span_conversation import METADATA, TOKENS, TOOL, result_of

# Langfuse: the SDK's spans, then what its server makes of them, as the API's own model.


@cache
def _langfuse() -> tuple[Langfuse, InMemorySpanExporter]:
    """The SDK keeps one client for a key, so the tests keep one too."""
    exporter = InMemorySpanExporter()
    client = Langfuse(
        public_key="pk-none",
        secret_key="none",
        base_url="http://127.0.0.1:1",
        span_exporter=exporter,
        tracer_provider=TracerProvider(),
    )
    return client, exporter


def langfuse_observations(*, trace_id: str | None = None) -> list[dict[str, Any]]:
    """`trace_id` is one that the caller chose: the SDK makes up a parent to go with it."""
    client, exporter = _langfuse()
    exporter.clear()
    chosen: Any = {"trace_id": trace_id} if trace_id else None
    with client.start_as_current_observation(trace_context=chosen, name="agent", as_type="agent", metadata=METADATA):
        for turn in span_conversation.TURNS:
            said = span_conversation.CONVERSATION[turn]
            with client.start_as_current_observation(
                name="chat",
                as_type="generation",
                input={"messages": span_conversation.CONVERSATION[:turn], "tools": [TOOL]},
            ) as generation:
                generation.update(output=said, usage_details=dict(zip(("input", "output"), TOKENS, strict=True)))
            for call in said.get("tool_calls", ()):
                name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
                with client.start_as_current_observation(name=name, as_type="tool", input=arguments) as run:
                    run.update(output=result_of(call["id"]))
    client.flush()
    return [_observation(span) for span in exporter.get_finished_spans()]


def _observation(span: ReadableSpan) -> dict[str, Any]:
    flat = {key.removeprefix("langfuse.observation."): value for key, value in (span.attributes or {}).items()}
    metadata = {key.removeprefix("metadata."): value for key, value in flat.items() if key.startswith("metadata.")}
    assert span.context is not None
    observation = ObservationV2(
        id=f"{span.context.span_id:016x}",
        trace_id=f"{span.context.trace_id:032x}",
        start_time=_time(span.start_time),
        end_time=_time(span.end_time),
        project_id="p",
        parent_observation_id=f"{span.parent.span_id:016x}" if span.parent else None,
        is_root_observation=span.parent is None or "langfuse.internal.is_app_root" in (span.attributes or {}),
        type=str(flat["type"]).upper(),
        name=span.name,
        input=flat.get("input"),
        output=flat.get("output"),
        metadata=metadata,
        usage_details=json.loads(str(flat.get("usage_details", "{}"))),
    )
    written: dict[str, Any] = json.loads(observation.json())
    return written


def _time(nanoseconds: int | None) -> Any:
    assert nanoseconds is not None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


# MLflow: its own spans over OpenTelemetry's, put together to a trace as its client does.


def mlflow_trace() -> dict[str, Any]:
    tracer, trace_id = TracerProvider().get_tracer("agent"), "tr-0a1b"
    spans: list[LiveSpan] = []

    def begin(name: str, kind: str, inputs: Any) -> LiveSpan:
        context = set_span_in_context(spans[0]._span) if spans else None
        span = LiveSpan(tracer.start_span(name, context=context), trace_id, kind)
        span.set_inputs(inputs)
        spans.append(span)
        return span

    begin("agent", SpanType.AGENT, {"question": "?"})
    for turn in span_conversation.TURNS:
        said = span_conversation.CONVERSATION[turn]
        call = begin("chat", SpanType.CHAT_MODEL, {"messages": span_conversation.CONVERSATION[:turn], "tools": [TOOL]})
        call.set_outputs({"choices": [{"message": said}]})
        usage = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
        call.set_attribute("mlflow.chat.tokenUsage", usage)
        call._span.end()
        for asked_ in said.get("tool_calls", ()):
            run = begin(asked_["function"]["name"], SpanType.TOOL, json.loads(asked_["function"]["arguments"]))
            run.set_outputs(result_of(asked_["id"]))
            run._span.end()
    spans[0]._span.end()
    info = TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id("0"),
        request_time=0,
        state=TraceState.OK,
        trace_metadata=METADATA,
        assessments=[Feedback(name="correctness", value=True)],
    )
    trace = Trace(info=info, data=TraceData(spans=[span.to_immutable_span() for span in spans]))
    written: dict[str, Any] = json.loads(trace.to_json())
    return written


EXPORTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "langsmith": langsmith_runs,
    "otel": otel_requests,
    "langfuse": langfuse_observations,
    "mlflow": lambda: [mlflow_trace()],
}
