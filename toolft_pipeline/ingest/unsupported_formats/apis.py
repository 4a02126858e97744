"""Requests and responses of model APIs that are not whole runs."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.ingest.parsing.json_shape import has_keys, messages_of, objects, parts_of, text_at, value_at
from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat

_RUN = "one object a line with `messages` (the history and the answer)"
_ITEMS = frozenset(
    {
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call",
        "computer_call_output",
        "local_shell_call",
        "local_shell_call_output",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "mcp_call",
        "item_reference",
    }
)
_ANTHROPIC_EVENTS = frozenset(
    {
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "ping",
    }
)
_RESPONSES_EVENTS = ("response.", "conversation.item.", "session.", "input_audio_buffer.", "thread.")


def _stream_chunk(row: Any) -> bool:
    if text_at(row, "object").endswith("completion.chunk") or "delta" in _first_choice(row):
        return True
    if text_at(row, "type") in _ANTHROPIC_EVENTS and len(row) < 6:
        return True
    if text_at(row, "type").startswith(_RESPONSES_EVENTS):
        return True
    return has_keys(row, "message", "done", "model")  # Ollama


def _first_choice(row: Any) -> dict[str, Any]:
    return next(iter(objects(value_at(row, "choices"))), {})


def _batch(row: Any) -> bool:
    return has_keys(row, "custom_id") and ("response" in row or "body" in row or "params" in row or "result" in row)


def _bedrock_log(row: Any) -> bool:
    return text_at(row, "schemaType") == "ModelInvocationLog"


def _converse(row: Any) -> bool:
    parts = list(parts_of(row))
    if any({"toolUse", "toolResult", "reasoningContent", "cachePoint"} & part.keys() for part in parts):
        return True
    if has_keys(row, "toolConfig") or has_keys(row, "inferenceConfig"):
        return True
    return bool(parts) and all("text" in part and "type" not in part for part in parts)


def _gemini(row: Any) -> bool:
    turns = objects(row if isinstance(row, list) else value_at(row, "contents"))
    if turns and any(isinstance(turn.get("parts"), list) and turn.get("role") != "assistant" for turn in turns):
        return all("kind" not in turn for turn in turns)
    return any(isinstance(value_at(one, "content", "parts"), list) for one in objects(value_at(row, "candidates")))


def _responses_items(row: Any) -> bool:
    if text_at(row, "type") in _ITEMS or text_at(row, "object") == "response":
        return True
    lists = [messages_of(row)] + [objects(value_at(row, key)) for key in ("input", "output", "items")]
    return any(text_at(item, "type") in _ITEMS for items in lists for item in items)


def _answer_alone(row: Any) -> bool:
    if text_at(row, "object") in ("chat.completion", "text_completion"):
        return True
    if text_at(row, "type") == "message" and has_keys(row, "content", "role"):
        return True
    return has_keys(row, "choices") and not messages_of(row)


def _nested_request(row: Any) -> bool:
    if not isinstance(row, dict) or "messages" in row:
        return False
    inner = (row.get(key) for key in ("request", "body", "input", "inputs", "kwargs", "data", "payload", "prompt"))
    return any(messages_of(one) and "role" in messages_of(one)[0] for one in inner)


def _assistants(row: Any) -> bool:
    return text_at(row, "object").startswith("thread.")


def _cohere(row: Any) -> bool:
    return any(has_keys(turn, "role", "message") for turn in objects(value_at(row, "chat_history")))


def _json_rpc(row: Any) -> bool:
    first = row[0] if isinstance(row, list) and row else row
    return text_at(first, "jsonrpc").startswith("2.")


API_FORMATS: tuple[UnsupportedFormat, ...] = (
    UnsupportedFormat(
        name="JSON-RPC, as MCP servers log it",
        advice="log the agent's conversation, not the tool server's messages: the model's turns are not in here",
        row=_json_rpc,
    ),
    UnsupportedFormat(
        name="a chunk of a streamed answer",
        advice="log the assembled message, as one object a line with all `messages`, instead of streaming chunks",
        row=_stream_chunk,
    ),
    UnsupportedFormat(
        name="a line of the OpenAI or Anthropic batch API",
        advice=f"join each output line with its request by custom_id, and write {_RUN}",
        row=_batch,
    ),
    UnsupportedFormat(
        name="Amazon Bedrock's invocation log",
        advice=f"write {_RUN} of input.inputBodyJson and output.outputBodyJson",
        row=_bedrock_log,
    ),
    UnsupportedFormat(
        name="Amazon Bedrock's Converse format",
        advice="convert each run to OpenAI or Anthropic messages: toolUse is tool_use, toolResult is tool_result",
        row=_converse,
    ),
    UnsupportedFormat(
        name="Gemini's `contents` with `parts`",
        advice="convert each run to OpenAI messages: role model is assistant, functionCall a tool call, "
        "functionResponse a tool message",
        row=_gemini,
    ),
    UnsupportedFormat(
        name="OpenAI's Responses API (items, not messages)",
        advice="convert each run to chat messages: function_call is an assistant message with tool_calls, "
        "function_call_output a tool message",
        row=_responses_items,
    ),
    UnsupportedFormat(
        name="OpenAI's Assistants API (threads)",
        advice=f"write each thread as {_RUN}",
        row=_assistants,
    ),
    UnsupportedFormat(
        name="a request next to its response, without `messages` at the top level",
        advice=f"write {_RUN}, for example `jq -c '.request + {{response}}' FILE`",
        row=_nested_request,
    ),
    UnsupportedFormat(
        name="a model's answer without its request",
        advice=f"log {_RUN}",
        row=_answer_alone,
    ),
    UnsupportedFormat(
        name="Cohere's chat history",
        advice="convert each run to OpenAI messages",
        row=_cohere,
    ),
)
