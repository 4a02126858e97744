"""OpenInference's attributes: what Arize Phoenix's instrumentations write (`llm.input_messages.0.message.role`).

https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.reading import NULL
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun
from toolft_pipeline.ingest.spans.span_attributes import Attributes, Convention, Events, raw, structure, text_or_none
from toolft_pipeline.ingest.spans.span_messages import call_id_of_output, read_messages, read_result
from toolft_pipeline.ingest.spans.span_payload import TokenCounts, argument_text, read_answer, read_prompt
from toolft_pipeline.trajectories.record import Message

_MESSAGE = re.compile(r"llm\.(input|output)_messages\.(\d{1,6})\.message\.(\S{1,120})")
_CALL = re.compile(r"tool_calls\.(\d{1,6})\.tool_call\.(?:function\.)?(id|name|arguments)")
_PART = re.compile(r"contents\.(\d{1,6})\.message_content\.(\S{1,80})")
_TOOL = re.compile(r"llm\.tools\.(\d{1,6})\.tool\.json_schema")
_KINDS = {"LLM": SpanKind.GENERATION, "TOOL": SpanKind.TOOL}


def _kind(attributes: Attributes) -> SpanKind:
    return _KINDS.get(str(attributes.get("openinference.span.kind")).upper(), SpanKind.OTHER)


def _generation(attributes: Attributes, events: Events) -> ModelCall:
    given, said = _messages(attributes, "input"), _messages(attributes, "output")
    tokens = {f"{side}_tokens": attributes.get(f"llm.token_count.{side}") for side in ("prompt", "completion")}
    counted = msgspec.convert(tokens, TokenCounts, strict=False)
    history, tools = (read_messages(raw(given)), NULL) if given else read_prompt(raw(attributes.get("input.value")))
    return ModelCall(
        history=history,
        answer=_answer(said) if said else read_answer(raw(attributes.get("output.value"))),
        tools=_tools(attributes) if tools == NULL else tools,
        prompt_tokens=counted.prompt,
        completion_tokens=counted.completion,
    )


def _answer(said: list[dict[str, Any]]) -> tuple[Message, ...]:
    return read_answer(raw([{"role": "assistant", **message} for message in said]))


def _messages(attributes: Attributes, side: str) -> list[dict[str, Any]]:
    """The numbered attributes of one side as OpenAI's messages."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in attributes.items():
        match = _MESSAGE.fullmatch(key)
        if match is not None and match[1] == side and value is not None:
            found[int(match[2])][match[3]] = value
    return [_message(found[place]) for place in sorted(found)]


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
    found = {int(match[1]): value for key, value in attributes.items() if (match := _TOOL.fullmatch(key))}
    if found:
        return raw([structure(found[place]) for place in sorted(found)])
    parameters = structure(attributes.get("llm.invocation_parameters"))
    stated = parameters.get("tools") if isinstance(parameters, dict) else None
    return raw(stated) if stated else NULL


def _tool(attributes: Attributes, name: str) -> ToolRun:
    given, output = raw(attributes.get("input.value")), raw(attributes.get("output.value"))
    named = next(_texts(attributes, "tool_call.id", "tool.id"), None)
    return ToolRun(
        name=next(_texts(attributes, "tool.name", "tool_call.function.name"), name),
        call_id=named or call_id_of_output(output),
        arguments_json=argument_text(given),
        result=read_result(output),
    )


def _texts(attributes: Attributes, *names: str) -> Iterator[str]:
    return (text for name in names if (text := text_or_none(attributes.get(name))))


OPENINFERENCE = Convention(kind=_kind, generation=_generation, tool=_tool, model=("llm.model_name",))
