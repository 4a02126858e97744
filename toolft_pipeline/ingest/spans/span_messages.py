"""Read the messages of a conversation in the dialects that SDKs write into spans.

Invariant: a message reads the same in every dialect: OpenAI's (`role`, `tool_calls`), LangChain's (`type`, bare or
inside `kwargs` or `data`), Anthropic's (`tool_use` and `tool_result` blocks) and OpenTelemetry's (`parts`). Text and
calls in an order that the record cannot hold are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.lines.langchain_blocks import (
    CALL_BLOCKS,
    REASONING_BLOCKS,
    AdditionalKwargs,
    Block,
    non_text_part,
    refuse_call_only_in_block,
)
from toolft_pipeline.ingest.parsing.keys_not_read import struct_keys
from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_nested, unwrap_json_text
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import joined_parts, text_parts, tool_call
from toolft_pipeline.ingest.parsing.rejects import InvalidCallError, UnsupportedError
from toolft_pipeline.ingest.spans.hidden_calls import refuse_hidden_calls
from toolft_pipeline.ingest.spans.responses_items import contains_response_items, to_chat_messages
from toolft_pipeline.trajectories.record import Message, Part, Role, ToolCall
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
_TEXTS = ("text", "input_text", "output_text", "refusal")
_WHOLE_CALLS = ("tool_use", "tool_call", "function_call")
_RESULTS = ("tool_result", "tool_call_response")


class _Block(Block):
    modality: str | None = None
    name: str | None = None
    input: Raw = NULL
    args: Raw = NULL
    arguments: Raw = NULL
    tool_use_id: str | None = None
    response: Raw = NULL
    result: Raw = NULL
    is_error: bool | None = None


class _Output(Struct):
    """A tool's output as a tool message, bare or as LangChain's constructor.

    All fields are empty for other JSON.
    """

    tool_call_id: Raw = NULL
    content: Raw = NULL
    kwargs: Raw = NULL


class _Function(Struct):
    name: str
    arguments: Raw = NULL


class _Call(Struct):
    id: str | None = None
    name: str | None = None
    args: Raw = NULL
    arguments: Raw = NULL
    function: _Function | None = None


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
    tool_calls: list[_Call] | None = None
    invalid_tool_calls: list[Raw] | None = None
    function_call: Raw = NULL
    audio: Raw = NULL
    tool_call_id: str | None = None
    name: str | None = None
    status: str | None = None
    additional_kwargs: Raw = NULL


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


def read_result(value: Raw) -> tuple[Part, ...] | None:
    """Read a tool's output as the text that the model saw.

    It is a tool message's content, a text, or the JSON itself.
    """
    if value == NULL:
        return None
    message = _output(value)
    if NULL not in (message.tool_call_id, message.content):
        return read_texts(message.content)
    raw = bytes(value)
    return text_parts(msgspec.json.decode(value, type=str) if raw.startswith(b'"') else raw.decode("utf-8"))


def call_id_of_output(value: Raw) -> str | None:
    """Return the call id of a tool's output, None if it is not a tool message."""
    call_id = _output(value).tool_call_id
    return msgspec.json.decode(call_id, type=str) if bytes(call_id).startswith(b'"') else None


def _output(value: Raw) -> _Output:
    unwrapped = unwrap_json_text(value)
    if not bytes(unwrapped).startswith(b"{"):
        return _Output()
    message = msgspec.json.decode(unwrapped, type=_Output)
    inner = bytes(message.kwargs).startswith(b"{")
    return msgspec.json.decode(message.kwargs, type=_Output) if inner else message


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
    listed = [_call(call) for call in message.tool_calls or ()]
    turn = _BlockSorter(role, call_ids=[call.id for call in listed])
    for block in _blocks(message.parts if message.parts != NULL else message.content):
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


class _BlockSorter:
    """Sorts the blocks of a message into text, reasoning, calls and results.

    It refuses orders that the record cannot hold. `langchain_blocks` defines the block types for all readers.
    """

    def __init__(self, role: Role, *, call_ids: Collection[str] = (), image_role: Role | None = None) -> None:
        """`call_ids` are those of the message's `tool_calls`.

        `image_role` decides whether images are allowed.
        """
        self._role, self._call_ids, self._image_role = role, call_ids, image_role or role
        self._has_calls = False
        self.texts: list[str | Part | None] = []
        self.reasoning: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[Message] = []

    def take(self, block: str | _Block) -> None:
        if isinstance(block, str):
            self._add_text(block)
        elif block.type in _TEXTS:
            self._add_text(block.text if block.text is not None else block.refusal or _optional_text(block.content))
        elif block.type in REASONING_BLOCKS:
            self.reasoning.append(block.reasoning_text)
        elif block.type in CALL_BLOCKS and self._role is Role.ASSISTANT:
            self._has_calls = True
            self._call(block)
        elif block.type in _RESULTS and self._role in (Role.USER, Role.TOOL):
            self._result(block)
        elif block.type == "blob" and block.modality == "image":
            self._add_text(image_part(ContentBlock(type="image", base64=block.content), self._image_role))
        elif (part := non_text_part(block, self._image_role)) is not None:
            self._add_text(part)

    def _add_text(self, text: str | Part | None) -> None:
        if self._has_calls and text:
            raise UnsupportedError(
                "an assistant turn has text after its tool calls; log that text as a turn of its own"
            )
        self.texts.append(text)

    def _call(self, block: _Block) -> None:
        """Add a call, unless it repeats one of `tool_calls` or is a chunk of a stream."""
        if block.type not in _WHOLE_CALLS and self.calls:
            return
        if block.type not in _WHOLE_CALLS or self._call_ids:
            refuse_call_only_in_block(block, self._call_ids)
            return
        arguments = next((raw for raw in (block.input, block.args, block.arguments) if raw != NULL), NULL)
        self.calls.append(_call(_Call(id=block.call_id or block.id, name=block.name, arguments=arguments)))

    def _result(self, block: _Block) -> None:
        if self.texts:
            raise UnsupportedError("a user turn has text before its tool results; log that text as a turn of its own")
        given = next((raw for raw in (block.response, block.result) if raw != NULL), NULL)
        content = read_texts(block.content) if given == NULL else read_result(given) or ()
        content = failed_result(content) if block.is_error else content
        self.results.append(Message(role=Role.TOOL, content=content, tool_call_id=block.tool_use_id or block.id))


def _blocks(content: Raw) -> list[str | _Block]:
    raw = bytes(content)
    if content == NULL:
        return []
    if raw.startswith(b'"'):
        return [msgspec.json.decode(content, type=str)]
    return msgspec.json.decode(content, type=list[str | _Block])


def read_texts(content: Raw, *, role: Role = Role.TOOL) -> tuple[Part, ...]:
    """Read content without calls and results.

    It is a text, or text blocks and images (if the role may show any).
    """
    turn = _BlockSorter(Role.SYSTEM, image_role=role)
    for block in _blocks(content):
        turn.take(block)
    return joined_parts(*turn.texts)


def _optional_text(value: Raw) -> str | None:
    return msgspec.json.decode(value, type=str | None)


def _call(call: _Call) -> ToolCall:
    name = call.function.name if call.function else call.name
    if name is None:
        raise msgspec.ValidationError("Object missing required field `name` - at a tool call")
    given = (call.function.arguments if call.function else NULL, call.args, call.arguments)
    return tool_call(id_=call.id, name=name, arguments=next((raw for raw in given if raw != NULL), NULL))
