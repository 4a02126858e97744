"""The Vercel AI SDK's own attributes: `ai.prompt.messages`, `ai.response.toolCalls`, `ai.toolCall.*`.

A call of the model is a span `ai.generateText.doGenerate` or its like; `ai.generateText` above it holds the same again.
https://ai-sdk.dev/docs/ai-sdk-core/telemetry
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.reading import NULL, InvalidCallError, UnsupportedError
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun
from toolft_pipeline.ingest.spans.span_attributes import Attributes, Convention, Events, raw, structure, text_or_none
from toolft_pipeline.ingest.spans.span_messages import read_messages, read_result
from toolft_pipeline.ingest.spans.span_payload import LossyExportError, TokenCounts, argument_text, read_answer

_FAILED = ("error-text", "error-json", "execution-denied")


def _kind(attributes: Attributes) -> SpanKind:
    operation = str(attributes.get("ai.operationId") or "")
    if operation == "ai.toolCall":
        return SpanKind.TOOL
    return SpanKind.GENERATION if operation.endswith((".doGenerate", ".doStream")) else SpanKind.OTHER


def _generation(attributes: Attributes, events: Events) -> ModelCall:
    prompt = structure(attributes.get("ai.prompt.messages"))
    if not isinstance(prompt, list):
        raise LossyExportError(
            "a model call of the AI SDK has no ai.prompt.messages; set recordInputs of its telemetry"
        )
    names = {"input_tokens": "ai.usage.promptTokens", "output_tokens": "ai.usage.completionTokens"}
    counted = {key: attributes.get(f"gen_ai.usage.{key}", attributes.get(name)) for key, name in names.items()}
    tokens = msgspec.convert(counted, TokenCounts, strict=False)
    return ModelCall(
        history=read_messages(raw([message for one in prompt for message in _messages(one)])),
        answer=read_answer(raw(_answer(attributes))),
        tools=_tools(attributes),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
    )


def _answer(attributes: Attributes) -> dict[str, Any] | None:
    """What the model said, under today's names or those before version 4."""
    said = {
        name: attributes.get(f"ai.response.{name}", attributes.get(f"ai.result.{name}"))
        for name in ("text", "object", "reasoning", "toolCalls")
    }
    if all(value is None for value in said.values()):
        return None
    calls = structure(said["toolCalls"]) or []
    if not isinstance(calls, list):
        raise LossyExportError(
            "a model call's tool calls (ai.response.toolCalls) are no list; raise the limit of an attribute"
        )
    text = said["text"] or said["object"] or ""
    message: dict[str, Any] = {"role": "assistant", "content": text if isinstance(text, str) else _json(text)}
    reasoning = said["reasoning"]
    if isinstance(reasoning, str):
        message["reasoning"] = reasoning
    return message | ({"tool_calls": [_call(call) for call in calls]} if calls else {})


def _messages(message: Any) -> Iterator[dict[str, Any]]:
    """A model message as OpenAI writes it: each result of a tool message is one of its own."""
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
            raise UnsupportedError("an assistant turn says something after its calls")
        elif type_ == "reasoning":
            shown.append({"type": "reasoning", "reasoning": part.get("text")})
        elif type_ in ("tool-result", "tool-error", "file", "tool-approval-request", "tool-approval-response"):
            raise UnsupportedError(f"a turn carries a part {type_}, which the record cannot hold")
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
        raise InvalidCallError("the agent's own parser could not read a call (invalid)")
    given = call.get("input", call.get("args"))
    arguments = given if isinstance(given, str) else _json(given)
    return {"id": call.get("toolCallId"), "name": call.get("toolName"), "arguments": arguments}


def _result(part: dict[str, Any]) -> dict[str, Any]:
    """A result as the text that the model saw; version 5 says of what type it is."""
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
    """The tools offered: a list whose items are JSON texts."""
    stated = structure(attributes.get("ai.prompt.tools"))
    return raw([structure(tool) for tool in stated]) if isinstance(stated, list) and stated else NULL


def _tool(attributes: Attributes, name: str) -> ToolRun:
    given = attributes.get("ai.toolCall.args", attributes.get("ai.toolCall.input"))
    output = attributes.get("ai.toolCall.result", attributes.get("ai.toolCall.output"))
    return ToolRun(
        name=text_or_none(attributes.get("ai.toolCall.name")) or name,
        call_id=text_or_none(attributes.get("ai.toolCall.id")),
        arguments_json=argument_text(raw(given)),
        result=read_result(raw(_plain(output))),
    )


def _plain(output: Any) -> Any:
    """A result without the JSON quotes that the SDK puts around a text."""
    if not isinstance(output, str) or not output.startswith('"'):
        return output
    try:
        return msgspec.json.decode(output)
    except msgspec.DecodeError:
        return output


VERCEL = Convention(
    kind=_kind, generation=_generation, tool=_tool, model=("ai.response.model", "ai.model.id", "gen_ai.request.model")
)
