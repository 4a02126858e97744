"""The Vercel AI SDK's attributes.

They are `ai.prompt.messages`, `ai.response.toolCalls`, `ai.toolCall.*` and their like. A model call is a span such as
`ai.generateText.doGenerate`; the span `ai.generateText` above it repeats its content.
https://ai-sdk.dev/docs/ai-sdk-core/telemetry
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.rejects import InvalidCallError, UnsupportedError
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
from toolft_pipeline.ingest.spans.span_payload import LossyExportError, TokenCounts, argument_text, read_answer

_FAILED = ("error-text", "error-json", "execution-denied")


def _kind(attributes: Attributes) -> SpanKind:
    operation = str(attributes.get("ai.operationId") or "")
    if operation == "ai.toolCall":
        return SpanKind.TOOL
    return SpanKind.MODEL_CALL if operation.endswith((".doGenerate", ".doStream")) else SpanKind.OTHER


def _model_call(attributes: Attributes, events: Events) -> ModelCall:
    prompt = parse_json_text(attributes.get("ai.prompt.messages"))
    if not isinstance(prompt, list):
        raise LossyExportError(
            "a model call of the AI SDK has no ai.prompt.messages; set recordInputs in its telemetry settings"
        )
    names = {"input_tokens": "ai.usage.promptTokens", "output_tokens": "ai.usage.completionTokens"}
    counted = {key: attributes.get(f"gen_ai.usage.{key}", attributes.get(name)) for key, name in names.items()}
    tokens = msgspec.convert(counted, TokenCounts, strict=False)
    return ModelCall(
        history=read_messages(to_raw([message for one in prompt for message in _messages(one)])),
        answer=read_answer(to_raw(_answer(attributes))),
        tools=_tools(attributes),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _answer(attributes: Attributes) -> dict[str, Any] | None:
    """Build the answer from the current attribute names, or those before version 4."""
    fields = {
        name: attributes.get(f"ai.response.{name}", attributes.get(f"ai.result.{name}"))
        for name in ("text", "object", "reasoning", "toolCalls")
    }
    if all(value is None for value in fields.values()):
        return None
    calls = parse_json_text(fields["toolCalls"]) or []
    if not isinstance(calls, list):
        raise LossyExportError(
            "the tool calls of a model call (ai.response.toolCalls) are not a list; raise the attribute length limit"
        )
    text = fields["text"] or fields["object"] or ""
    message: dict[str, Any] = {"role": "assistant", "content": text if isinstance(text, str) else _json(text)}
    reasoning = fields["reasoning"]
    if isinstance(reasoning, str):
        message["reasoning"] = reasoning
    return message | ({"tool_calls": [_call(call) for call in calls]} if calls else {})


def _messages(message: Any) -> Iterator[dict[str, Any]]:
    """Convert a model message to OpenAI's: one for each result of a tool message."""
    if not isinstance(message, dict) or not isinstance(content := message.get("content"), list):
        yield message
        return
    calls: list[dict[str, Any]] = []
    shown: list[Any] = []
    for part in content:
        type_ = part.get("type") if isinstance(part, dict) else None
        if type_ == "tool-call":
            calls.append(_call(part))
        elif type_ == "tool-result" and message.get("role") == "tool":
            yield _result(part)
        elif type_ in ("text", "reasoning") and calls:
            raise UnsupportedError(
                "an assistant turn has text after its tool calls; log that text as a turn of its own"
            )
        elif type_ == "reasoning":
            shown.append({"type": "reasoning", "reasoning": part.get("text")})
        elif type_ in ("tool-result", "tool-error", "file", "tool-approval-request", "tool-approval-response"):
            raise UnsupportedError(
                f"a message has a part of type {type_}, which is not supported; remove it from the log"
            )
        else:
            shown.append(_image(part) if type_ == "image" else part)
    if shown or calls:
        yield {**message, "content": shown or None} | ({"tool_calls": calls} if calls else {})


def _image(part: dict[str, Any]) -> dict[str, Any]:
    image = part.get("image")
    return {"type": "image", "data": image} if isinstance(image, str) else part


def _call(call: Any) -> dict[str, Any]:
    call = call if isinstance(call, dict) else {}
    if call.get("invalid"):
        raise InvalidCallError("the agent could not parse a tool call of the model (invalid); leave such runs out")
    given = call.get("input", call.get("args"))
    arguments = given if isinstance(given, str) else _json(given)
    return {"id": call.get("toolCallId"), "name": call.get("toolName"), "arguments": arguments}


def _result(part: dict[str, Any]) -> dict[str, Any]:
    """Convert a result to the text that the model saw; version 5 names its type."""
    given = part.get("output", part.get("result"))
    typed = isinstance(given, dict) and "type" in given and ("value" in given or "reason" in given)
    type_ = given["type"] if typed and isinstance(given, dict) else None
    value = given.get("value", given.get("reason")) if typed and isinstance(given, dict) else given
    block = {"type": "tool_result", "tool_use_id": part.get("toolCallId")}
    failed = type_ in _FAILED or part.get("isError") is True
    content: Any = value if type_ == "content" or isinstance(value, str) else _json(value)
    return {"role": "tool", "content": [{**block, "content": content, "is_error": failed}]}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _tools(attributes: Attributes) -> Raw:
    """Return the offered tools: a list whose items are JSON texts."""
    tools = parse_json_text(attributes.get("ai.prompt.tools"))
    return to_raw([parse_json_text(tool) for tool in tools]) if isinstance(tools, list) and tools else NULL


def _tool(attributes: Attributes, name: str) -> ToolRun:
    given = attributes.get("ai.toolCall.args", attributes.get("ai.toolCall.input"))
    output = attributes.get("ai.toolCall.result", attributes.get("ai.toolCall.output"))
    return ToolRun(
        name=text_or_none(attributes.get("ai.toolCall.name")) or name,
        call_id=text_or_none(attributes.get("ai.toolCall.id")),
        arguments_json=argument_text(to_raw(given)),
        result=read_result(to_raw(_unquoted(output))),
    )


def _unquoted(output: Any) -> Any:
    """Remove the JSON quotes that the SDK puts around a text."""
    if not isinstance(output, str) or not output.startswith('"'):
        return output
    try:
        return msgspec.json.decode(output)
    except msgspec.DecodeError:
        return output


VERCEL = AttributeConvention(
    name="vercel",
    description="the Vercel AI SDK's attributes (`ai.*`)",
    kind=_kind,
    model_call=_model_call,
    tool=_tool,
    model=("ai.response.model", "ai.model.id", "gen_ai.request.model"),
)
