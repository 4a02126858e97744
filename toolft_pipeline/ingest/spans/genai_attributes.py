"""OpenTelemetry's GenAI conventions, current and older.

Current: `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.tool.*` on the span or its event. Older:
OpenLLMetry's numbered attributes (`gen_ai.prompt.0.content`), and content events, which Pydantic AI also writes as one
attribute (`events`). https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import NULL, unwrap_json_text
from toolft_pipeline.ingest.spans.message_blocks import read_result
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun
from toolft_pipeline.ingest.spans.span_attributes import (
    AttributeConvention,
    Attributes,
    Events,
    parse_json_text,
    text_or_none,
    to_raw,
)
from toolft_pipeline.ingest.spans.span_messages import read_messages
from toolft_pipeline.ingest.spans.span_payload import TokenCounts, argument_text, read_answer, read_prompt
from toolft_pipeline.trajectories.record import Message

_GENERATIONS = ("chat", "generate_content", "text_completion", "completion")
_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(?:tool_calls\.(\d{1,6})\.)?(\w{1,40})")
_FUNCTION = re.compile(r"(?:llm\.request\.functions|gen_ai\.request\.tools)\.(\d{1,6})\.(\w{1,40})")
_EXECUTE = "execute_tool "
_CONTENT_EVENTS = ("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion")
_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def with_event_attributes(attributes: Attributes, events: Events) -> Attributes:
    """Merge a span's attributes with those of its events that hold messages."""
    carried = [more for name, more in events if name in _CONTENT_EVENTS]
    return {key: value for one in (attributes, *carried) for key, value in one.items()}


def _kind(attributes: Attributes) -> SpanKind:
    operation = attributes.get("gen_ai.operation.name")
    if operation == "execute_tool" or attributes.get("traceloop.span.kind") == "tool":
        return SpanKind.TOOL
    if operation in _GENERATIONS:
        return SpanKind.MODEL_CALL
    has_prompt = any(key.startswith(("gen_ai.prompt", "gen_ai.input.messages")) for key in attributes)
    return SpanKind.MODEL_CALL if operation is None and has_prompt else SpanKind.OTHER


def _model_call(attributes: Attributes, events: Events) -> ModelCall:
    history, answer = _messages(attributes, events)
    instructions = attributes.get("gen_ai.system_instructions")
    if instructions is not None:
        history = (*read_messages(to_raw([{"role": "system", "parts": parse_json_text(instructions)}])), *history)
    tokens = _tokens(attributes)
    return ModelCall(
        history=history,
        answer=answer,
        tools=_tools(attributes),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _messages(attributes: Attributes, events: Events) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Read history and answer by the newest convention that the span follows."""
    for prompt, answer in (("gen_ai.input.messages", "gen_ai.output.messages"), ("gen_ai.prompt", "gen_ai.completion")):
        if prompt in attributes or answer in attributes:
            return read_prompt(to_raw(attributes.get(prompt)))[0], read_answer(to_raw(attributes.get(answer)))
    numbered = _numbered(attributes)
    if numbered["prompt"] or numbered["completion"]:
        return read_messages(to_raw(numbered["prompt"])), read_answer(to_raw(numbered["completion"]))
    events = (*events, *_listed_events(attributes))
    history = [_event_message(name, carried) for name, carried in events if name in _EVENT_ROLES]
    choices = [_event_message(name, carried) for name, carried in events if name == "gen_ai.choice"]
    return read_messages(to_raw(history)), read_answer(to_raw(choices))


def _numbered(attributes: Attributes) -> dict[str, list[dict[str, Any]]]:
    """Build messages from numbered attributes (`gen_ai.prompt.0.tool_calls.1.name`)."""
    numbered: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    for key, value in attributes.items():
        match = _NUMBERED.fullmatch(key)
        if match is None:
            continue
        side, place, call, name = match.groups()
        message = numbered[side].setdefault(int(place), {"role": "assistant"} if side == "completion" else {})
        if call is None:
            message[name] = _content(value) if name == "content" else value
        else:
            message.setdefault("tool_calls", {}).setdefault(int(call), {})[name] = value
    for messages in numbered.values():
        for message in messages.values():
            calls = message.get("tool_calls", {})
            message["tool_calls"] = [calls[place] for place in sorted(calls)] or None
    return {side: [messages[place] for place in sorted(messages)] for side, messages in numbered.items()}


def _content(value: Any) -> Any:
    """Return text, or the parts that OpenLLMetry writes as JSON text."""
    return parse_json_text(value) if isinstance(value, str) and value.startswith('[{"type"') else value


def _listed_events(attributes: Attributes) -> Events:
    """Return the events that Pydantic AI writes as one attribute, a list as JSON text."""
    listed = parse_json_text(attributes.get("events"))
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [(str(row.get("event.name")), row) for row in rows]


def _event_message(name: str, carried: Attributes) -> dict[str, Any]:
    """Build a message from an event.

    Its fields are attributes, or JSON text in `gen_ai.event.content`.
    """
    body = parse_json_text(carried.get("gen_ai.event.content"))
    body = body if isinstance(body, dict) else {key: parse_json_text(value) for key, value in carried.items()}
    if name == "gen_ai.choice":
        inner = body.get("message")
        return {"role": "assistant", **(inner if isinstance(inner, dict) else body)}
    return {"role": _EVENT_ROLES[name], "tool_call_id": body.get("id"), **body}


def _tool(attributes: Attributes, name: str) -> ToolRun:
    given = attributes.get("gen_ai.tool.call.arguments", attributes.get("traceloop.entity.input"))
    result = attributes.get("gen_ai.tool.call.result", attributes.get("traceloop.entity.output"))
    named = attributes.get("gen_ai.tool.name", attributes.get("traceloop.entity.name"))
    return ToolRun(
        name=str(named or (name.removeprefix(_EXECUTE) if name.startswith(_EXECUTE) else "")),
        call_id=text_or_none(attributes.get("gen_ai.tool.call.id")),
        arguments_json=argument_text(to_raw(given)),
        result=read_result(to_raw(result)),
    )


def _tools(attributes: Attributes) -> Raw:
    definitions = attributes.get("gen_ai.tool.definitions")
    if definitions is not None:
        return unwrap_json_text(to_raw(definitions))
    functions: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        match = _FUNCTION.fullmatch(key)
        if match is not None:
            functions.setdefault(int(match[1]), {})[match[2]] = parse_json_text(value)
    return to_raw([functions[place] for place in sorted(functions)]) if functions else NULL


def _tokens(attributes: Attributes) -> TokenCounts:
    names = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")
    return msgspec.convert({name: attributes.get(f"gen_ai.usage.{name}") for name in names}, TokenCounts)


GENAI = AttributeConvention(
    name="genai",
    description="OpenTelemetry's GenAI attributes, OpenLLMetry, Pydantic AI (`gen_ai.*`)",
    kind=_kind,
    model_call=_model_call,
    tool=_tool,
    model=("gen_ai.request.model", "gen_ai.response.model"),
)
