"""One conversation as traces of real tracers, written in memory by their own objects and serializers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock

import httpx
import langsmith
import langsmith.schemas
import openai
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import ToolException, tool
from langchain_core.tracers.langchain import LangChainTracer
from langfuse import Langfuse
from langfuse.api import ObservationV2
from langsmith.wrappers import wrap_openai
from mlflow.entities import Feedback, LiveSpan, SpanType, Trace, TraceData, TraceInfo, TraceLocation, TraceState
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_span_in_context
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

ORDER = {"order": "Ö-1", "lines": [1, 2.5]}
METADATA = {"task_id": "t-1", "initial_state": "seed-1", "final_state": "sha256:def", "outcome": "success"}
TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}


def asked(id_: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief, 雪."},
    {"role": "user", "content": "Where is Ö-1, and who am I?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [asked("c1", "get_order", ORDER), asked("c2", "who", {})],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"state":"sent ✓"}'},
    {"role": "tool", "tool_call_id": "c2", "content": "Error: nobody"},
    {"role": "assistant", "content": "It is sent."},
    {"role": "user", "content": "Thanks."},
    {"role": "assistant", "content": "Any time."},
]
"""In OpenAI's words: parallel calls with text beside them, arguments as JSON text, an error, no ASCII alone."""

CAPTURE = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
TURNS = [place for place, message in enumerate(CONVERSATION) if message["role"] == "assistant"]
TOKENS = (10, 4)
"""Prompt and completion tokens of each of the three model calls."""


def as_json_lines(rows: Sequence[Any]) -> list[bytes]:
    return [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]


# LangSmith: LangChain's tracer around a scripted model and real tools, each run as `Run.model_dump_json` writes it.


class _Recorded(langsmith.Client):
    """A client that keeps what it would send."""

    def __init__(self, runs: dict[str, dict[str, Any]]) -> None:
        super().__init__(api_url="http://127.0.0.1:1", api_key="none", auto_batch_tracing=False, info={})
        self._kept = runs

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **fields: Any) -> None:
        self._kept[str(fields["id"])] = {**fields, "name": name, "inputs": inputs, "run_type": run_type}

    def update_run(self, run_id: Any, **fields: Any) -> None:
        self._kept[str(run_id)].update({key: value for key, value in fields.items() if value is not None})


@tool
def get_order(order: str, lines: list[float]) -> str:
    """An order."""
    return '{"state":"sent ✓"}'


@tool
def who() -> str:
    """The caller."""
    raise ToolException("nobody")


who.handle_tool_error = lambda error: f"Error: {error}"


def to_langchain(message: dict[str, Any]) -> BaseMessage:
    match message["role"]:
        case "system":
            return SystemMessage(message["content"])
        case "user":
            return HumanMessage(message["content"])
        case "tool":
            return ToolMessage(message["content"], tool_call_id=message["tool_call_id"])
    calls = [
        {"id": call["id"], "name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls", ())
    ]
    tokens = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
    return AIMessage(message["content"], tool_calls=calls, usage_metadata=tokens)


def langsmith_runs() -> list[dict[str, Any]]:
    runs: dict[str, dict[str, Any]] = {}
    tracer = LangChainTracer(client=_Recorded(runs))
    messages = [to_langchain(message) for message in CONVERSATION]

    def act(_: object, config: RunnableConfig) -> str:
        for turn in TURNS:
            said = messages[turn]
            assert isinstance(said, AIMessage)
            model = GenericFakeChatModel(messages=iter([said]))
            model.invoke(messages[:turn], config=config, tools=[TOOL])
            for call in said.tool_calls:
                {"get_order": get_order, "who": who}[call["name"]].invoke(call, config=config)
        return "done"

    RunnableLambda(act).invoke({"q": 1}, config={"callbacks": [tracer], "metadata": METADATA})
    return [json.loads(langsmith.schemas.Run(**run).model_dump_json()) for run in runs.values()]


def _openai() -> openai.OpenAI:
    """OpenAI's own client, answered with the conversation's turns one after another."""
    turns = iter(TURNS)
    usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}

    def answer(_: httpx.Request) -> httpx.Response:
        choice = {"index": 0, "finish_reason": "stop", "message": CONVERSATION[next(turns)]}
        completion = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return httpx.Response(200, json={**completion, "usage": usage})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1", http_client=http)


def langsmith_openai_runs() -> list[dict[str, Any]]:
    """What `wrap_openai` records, below a run of the agent's own and beside its tools'."""
    runs: dict[str, dict[str, Any]] = {}
    recorded = _Recorded(runs)
    model: Any = wrap_openai(_openai())
    with (
        langsmith.tracing_context(enabled=True, client=recorded),
        langsmith.trace("agent", client=recorded, metadata=METADATA),
    ):
        for turn in TURNS:
            model.chat.completions.create(model="m", messages=CONVERSATION[:turn], tools=[TOOL])
            for call in CONVERSATION[turn].get("tool_calls", ()):
                function = call["function"]
                with langsmith.trace(function["name"], "tool", inputs=json.loads(function["arguments"])) as run:
                    run.end(outputs={"output": _result(call["id"])})
    return [json.loads(langsmith.schemas.Run(**run).model_dump_json()) for run in runs.values()]


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
        for turn in TURNS:
            call = handler.inference("openai", request_model="m")
            call.system_instruction = [TextPart(CONVERSATION[0]["content"])]
            call.input_messages = [InputMessage(role=m["role"], parts=_parts(m)) for m in CONVERSATION[1:turn]]
            said = CONVERSATION[turn]
            call.output_messages = [OutputMessage(role="assistant", parts=_parts(said), finish_reason="stop")]
            call.tool_definitions = [FunctionToolDefinition("get_order", None, {"type": "object"})]
            call.input_tokens, call.output_tokens = TOKENS
            call.stop()
            for asked_ in said.get("tool_calls", ()):
                run = handler.tool(asked_["function"]["name"])
                run.tool_call_id, run.arguments = asked_["id"], json.loads(asked_["function"]["arguments"])
                run.tool_result = _result(asked_["id"])
                run.stop()
    return _encoded(exporter.get_finished_spans(), batch=batch)


def _result(call_id: str) -> str:
    return next(str(message["content"]) for message in CONVERSATION if message.get("tool_call_id") == call_id)


def openllmetry_requests() -> list[dict[str, Any]]:
    """What OpenLLMetry's instrumentation of OpenAI's client records."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor: Any = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        model: Any = _openai()
        with provider.get_tracer("agent").start_as_current_span("agent", attributes=METADATA):
            for turn in TURNS:
                model.chat.completions.create(model="m", messages=CONVERSATION[:turn], tools=[TOOL])
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
        for turn in TURNS:
            numbered: dict[str, str | int] = {"llm.request.type": "chat", "llm.request.functions.0.name": "get_order"}
            for place, message in enumerate(CONVERSATION[:turn]):
                numbered |= _numbered(f"gen_ai.prompt.{place}", message)
            numbered |= _numbered("gen_ai.completion.0", CONVERSATION[turn])
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
        for turn in TURNS:
            said = CONVERSATION[turn]
            with client.start_as_current_observation(
                name="chat", as_type="generation", input={"messages": CONVERSATION[:turn], "tools": [TOOL]}
            ) as generation:
                generation.update(output=said, usage_details=dict(zip(("input", "output"), TOKENS, strict=True)))
            for call in said.get("tool_calls", ()):
                name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
                with client.start_as_current_observation(name=name, as_type="tool", input=arguments) as run:
                    run.update(output=_result(call["id"]))
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
    for turn in TURNS:
        said = CONVERSATION[turn]
        call = begin("chat", SpanType.CHAT_MODEL, {"messages": CONVERSATION[:turn], "tools": [TOOL]})
        call.set_outputs({"choices": [{"message": said}]})
        usage = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
        call.set_attribute("mlflow.chat.tokenUsage", usage)
        call._span.end()
        for asked_ in said.get("tool_calls", ()):
            run = begin(asked_["function"]["name"], SpanType.TOOL, json.loads(asked_["function"]["arguments"]))
            run.set_outputs(_result(asked_["id"]))
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
