"""The conversation as OTLP JSON: by OpenTelemetry's GenAI utilities, by OpenLLMetry, and in numbered attributes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any
from unittest import mock

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.types import (
    FunctionToolDefinition,
    InputMessage,
    MessagePart,
    OutputMessage,
    TextPart,
    ToolCallRequestPart,
    ToolCallResponsePart,
)

from toolft_pipeline_tests.ingest import span_conversation
from toolft_pipeline_tests.ingest.span_conversation import METADATA, TOKENS, TOOL, openai_client, result_of

CAPTURE = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}


# OpenTelemetry: the official GenAI utilities and OpenLLMetry, as OTLP JSON.


def _encoded(spans: Sequence[ReadableSpan], *, batch: int) -> list[dict[str, Any]]:
    batches = [spans[at : at + batch] for at in range(0, len(spans), batch)]
    return [json.loads(encode_spans(one).to_json()) for one in batches]


def _parts(message: dict[str, Any]) -> list[MessagePart]:
    if message["role"] == "tool":
        return [ToolCallResponsePart(response=message["content"], id=message["tool_call_id"])]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    requested = [
        ToolCallRequestPart(arguments=json.loads(function["arguments"]), name=function["name"], id=id_)
        for id_, function in calls
    ]
    return [TextPart(message["content"]), *requested]


def otel_requests(*, batch: int = 3, above: Context | None = None) -> list[dict[str, Any]]:
    """`above` has the span of another service, as its request brought it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        mock.patch.dict(os.environ, CAPTURE),
        provider.get_tracer("agent").start_as_current_span("POST /chat", context=above, attributes=METADATA),
    ):
        handler = TelemetryHandler(tracer_provider=provider)
        for turn in span_conversation.TURNS:
            call = handler.inference("openai", request_model="m")
            call.system_instruction = [TextPart(span_conversation.CONVERSATION[0]["content"])]
            call.input_messages = [
                InputMessage(role=m["role"], parts=_parts(m)) for m in span_conversation.CONVERSATION[1:turn]
            ]
            said = span_conversation.CONVERSATION[turn]
            call.output_messages = [OutputMessage(role="assistant", parts=_parts(said), finish_reason="stop")]
            call.tool_definitions = [FunctionToolDefinition("get_order", None, {"type": "object"})]
            call.input_tokens, call.output_tokens = TOKENS
            call.stop()
            for asked_ in said.get("tool_calls", ()):
                run = handler.tool(asked_["function"]["name"])
                run.tool_call_id, run.arguments = asked_["id"], json.loads(asked_["function"]["arguments"])
                run.tool_result = result_of(asked_["id"])
                run.stop()
    return _encoded(exporter.get_finished_spans(), batch=batch)


def openllmetry_requests() -> list[dict[str, Any]]:
    """What OpenLLMetry's instrumentation of OpenAI's client records."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor: Any = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        model: Any = openai_client()
        with provider.get_tracer("agent").start_as_current_span("agent", attributes=METADATA):
            for turn in span_conversation.TURNS:
                model.chat.completions.create(model="m", messages=span_conversation.CONVERSATION[:turn], tools=[TOOL])
    finally:
        instrumentor.uninstrument()
    return _encoded(exporter.get_finished_spans(), batch=9)


def numbered_requests() -> list[dict[str, Any]]:
    """The numbered attributes that OpenLLMetry wrote before it took up the conventions for messages: by hand, since
    an environment holds one version of it.
    """
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("agent")
    with tracer.start_as_current_span("agent", attributes=METADATA):
        for turn in span_conversation.TURNS:
            numbered: dict[str, str | int] = {"llm.request.type": "chat", "llm.request.functions.0.name": "get_order"}
            for place, message in enumerate(span_conversation.CONVERSATION[:turn]):
                numbered |= _numbered(f"gen_ai.prompt.{place}", message)
            numbered |= _numbered("gen_ai.completion.0", span_conversation.CONVERSATION[turn])
            numbered |= {"gen_ai.usage.prompt_tokens": TOKENS[0], "gen_ai.usage.completion_tokens": TOKENS[1]}
            tracer.start_span("openai.chat", attributes=numbered).end()
    return _encoded(exporter.get_finished_spans(), batch=9)


def _numbered(prefix: str, message: dict[str, Any]) -> dict[str, str | int]:
    found = {f"{prefix}.{key}": message[key] for key in ("role", "content", "tool_call_id") if key in message}
    for place, call in enumerate(message.get("tool_calls", ())):
        at = f"{prefix}.tool_calls.{place}"
        found |= {f"{at}.id": call["id"]}
        found |= {f"{at}.{key}": call["function"][key] for key in ("name", "arguments")}
    return found
