"""Read the messages of a conversation in the dialects that SDKs write into spans.

Invariant: a message reads the same in every dialect: OpenAI's (`role`, `tool_calls`), LangChain's (`type`, bare or
inside `kwargs` or `data`), Anthropic's (`tool_use` and `tool_result` blocks) and OpenTelemetry's (`parts`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.lines.langchain_blocks import (
    AdditionalKwargs,
)
from toolft_pipeline.ingest.parsing.keys_not_read import struct_keys
from toolft_pipeline.ingest.parsing.loss_mark import LossMark, refuse_mark
from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_nested
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import joined_parts, text_parts
from toolft_pipeline.ingest.parsing.rejects import InvalidCallError, UnsupportedError
from toolft_pipeline.ingest.spans.hidden_calls import refuse_hidden_calls
from toolft_pipeline.ingest.spans.message_blocks import BlockSorter, LoggedCall, content_blocks, logged_call
from toolft_pipeline.ingest.spans.responses_items import contains_response_items, to_chat_messages
from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.trajectories.tool_failure import failed_result

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
    "AIMessageChunk": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_CLASSES = {
    "SystemMessage": "system",
    "HumanMessage": "human",
    "AIMessage": "ai",
    "AIMessageChunk": "ai",
    "ToolMessage": "tool",
}


class _Message(Struct):
    role: str | None = None
    type: str | None = None
    id: Raw = NULL
    kwargs: Raw = NULL
    data: Raw = NULL
    content: Raw = NULL
    parts: Raw = NULL
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[LoggedCall] | None = None
    invalid_tool_calls: list[Raw] | None = None
    function_call: Raw = NULL
    audio: Raw = NULL
    tool_call_id: str | None = None
    name: str | None = None
    status: str | None = None
    additional_kwargs: Raw = NULL
    weight: Raw = NULL
    train: Raw = NULL


_KNOWN_KEYS = struct_keys(_Message)


def read_messages(value: Raw) -> tuple[Message, ...]:
    """Read a list of messages.

    LangChain nests it in another list, OpenAI's Responses API has items instead.
    """
    items = decode_nested(value, list[Raw])
    if len(items) == 1 and bytes(items[0]).startswith(b"["):
        items = msgspec.json.decode(items[0], type=list[Raw])
    items = to_chat_messages(items) if contains_response_items(items) else items
    return tuple(message for item in items for message in _messages(_without_wrapping(item)))


def _without_wrapping(item: Raw) -> _Message:
    """Decode a message, out of LangChain's wrapping if it has one."""
    message = msgspec.json.decode(item, type=_Message)
    refuse_hidden_calls(item, known=_KNOWN_KEYS)
    for inner in (message.kwargs, message.data):
        if message.role is None and inner != NULL:
            refuse_hidden_calls(inner, known=_KNOWN_KEYS)
            bare = msgspec.json.decode(inner, type=_Message)
            bare.type = bare.type or _type_of_class(message)
            return bare
    return message


def _type_of_class(message: _Message) -> str | None:
    if not bytes(message.id).startswith(b"["):
        return message.type
    path = msgspec.json.decode(message.id, type=list[str])
    return _CLASSES.get(path[-1]) if path else None


def _messages(message: _Message) -> Iterator[Message]:
    role = _ROLES.get(message.role or message.type or "")
    if role is None:
        name = quotable_name(message.role or message.type)
        raise UnsupportedError(f"unknown message role {name}; use system, user, assistant or tool")
    if message.invalid_tool_calls:
        raise InvalidCallError(
            "the agent could not parse a tool call of the model (invalid_tool_calls); leave such runs out"
        )
    if message.function_call != NULL or message.audio != NULL:
        raise UnsupportedError(
            "a message has function_call or audio, which is not supported; log calls as tool_calls and speech as text"
        )
    refuse_mark(role, LossMark(message.weight, message.train))
    listed = [logged_call(call) for call in message.tool_calls or ()]
    turn = BlockSorter(role, call_ids=[call.id for call in listed])
    for block in content_blocks(message.parts if message.parts != NULL else message.content):
        turn.take(block)
    yield from turn.results
    calls = listed or turn.calls
    additional = _additional_kwargs(message, role)
    additional.refuse_unlisted_calls(calls=bool(calls))
    content = joined_parts(*turn.texts) or text_parts(message.refusal or additional.refusal_text())
    if turn.results and not turn.texts:
        return
    yield Message(
        role=Role.USER if turn.results else role,
        content=failed_result(content) if role is Role.TOOL and message.status == "error" else content,
        reasoning="".join(turn.reasoning)
        or message.reasoning
        or message.reasoning_content
        or additional.reasoning_text(),
        tool_calls=tuple(calls),
        tool_call_id=message.tool_call_id,
        name=message.name if role is Role.TOOL else None,
    )


def _additional_kwargs(message: _Message, role: Role) -> AdditionalKwargs:
    """Return what LangChain's integrations put next to an answer's content."""
    given = bytes(message.additional_kwargs).startswith(b"{") and role is Role.ASSISTANT
    return msgspec.json.decode(message.additional_kwargs, type=AdditionalKwargs) if given else AdditionalKwargs()
