"""OpenInference's attributes (`llm.input_messages.0.message.role`).

Arize Phoenix's instrumentations write them.
https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.spans.message_blocks import call_id_of_output, read_result
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

_MESSAGE = re.compile(r"llm\.(input|output)_messages\.(\d{1,6})\.message\.(\S{1,120})")
_CALL = re.compile(r"tool_calls\.(\d{1,6})\.tool_call\.(?:function\.)?(id|name|arguments)")
_PART = re.compile(r"contents\.(\d{1,6})\.message_content\.(\S{1,80})")
_TOOL = re.compile(r"llm\.tools\.(\d{1,6})\.tool\.json_schema")
_KINDS = {"LLM": SpanKind.MODEL_CALL, "TOOL": SpanKind.TOOL}


def _kind(attributes: Attributes) -> SpanKind:
    return _KINDS.get(str(attributes.get("openinference.span.kind")).upper(), SpanKind.OTHER)


def _model_call(attributes: Attributes, events: Events) -> ModelCall:
    prompt, completion = _messages(attributes, "input"), _messages(attributes, "output")
    tokens = {f"{side}_tokens": attributes.get(f"llm.token_count.{side}") for side in ("prompt", "completion")}
    counted = msgspec.convert(tokens, TokenCounts, strict=False)
    history, tools = (
        (read_messages(to_raw(prompt)), NULL) if prompt else read_prompt(to_raw(attributes.get("input.value")))
    )
    return ModelCall(
        history=history,
        answer=_answer(completion) if completion else read_answer(to_raw(attributes.get("output.value"))),
        tools=_tools(attributes) if tools == NULL else tools,
        prompt_tokens=counted.prompt,
        completion_tokens=counted.completion,
    )


def _answer(messages: list[dict[str, Any]]) -> tuple[Message, ...]:
    return read_answer(to_raw([{"role": "assistant", **message} for message in messages]))


def _messages(attributes: Attributes, side: str) -> list[dict[str, Any]]:
    """Build OpenAI messages from the numbered attributes of one side."""
    numbered: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in attributes.items():
        match = _MESSAGE.fullmatch(key)
        if match is not None and match[1] == side and value is not None:
            numbered[int(match[2])][match[3]] = value
    return [_message(numbered[place]) for place in sorted(numbered)]


def _message(fields: dict[str, Any]) -> dict[str, Any]:
    calls: dict[int, dict[str, Any]] = defaultdict(dict)
    parts: dict[int, dict[str, Any]] = defaultdict(dict)
    message: dict[str, Any] = {}
    for name, value in fields.items():
        call, part = _CALL.fullmatch(name), _PART.fullmatch(name)
        if call is not None:
            calls[int(call[1])][call[2]] = value
        elif part is not None:
            parts[int(part[1])][part[2]] = value
        elif name.startswith("function_call"):
            message["function_call"] = value
        else:
            message[name] = value
    if parts:
        message["content"] = [_part(parts[place]) for place in sorted(parts)]
    if calls:
        message["tool_calls"] = [calls[place] for place in sorted(calls)]
    return message


def _part(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("type") == "image":
        return {"type": "image_url", "image_url": {"url": fields.get("image.image.url") or ""}}
    return fields


def _tools(attributes: Attributes) -> Raw:
    schemas = {int(match[1]): value for key, value in attributes.items() if (match := _TOOL.fullmatch(key))}
    if schemas:
        return to_raw([parse_json_text(schemas[place]) for place in sorted(schemas)])
    parameters = parse_json_text(attributes.get("llm.invocation_parameters"))
    tools = parameters.get("tools") if isinstance(parameters, dict) else None
    return to_raw(tools) if tools else NULL


def _tool(attributes: Attributes, name: str) -> ToolRun:
    given, output = to_raw(attributes.get("input.value")), to_raw(attributes.get("output.value"))
    call_id = next(_texts(attributes, "tool_call.id", "tool.id"), None)
    return ToolRun(
        name=next(_texts(attributes, "tool.name", "tool_call.function.name"), name),
        call_id=call_id or call_id_of_output(output),
        arguments_json=argument_text(given),
        result=read_result(output),
    )


def _texts(attributes: Attributes, *names: str) -> Iterator[str]:
    return (text for name in names if (text := text_or_none(attributes.get(name))))


OPENINFERENCE = AttributeConvention(
    name="openinference",
    description="OpenInference attributes of Arize Phoenix's instrumentations (`llm.*`)",
    kind=_kind,
    model_call=_model_call,
    tool=_tool,
    model=("llm.model_name",),
)
