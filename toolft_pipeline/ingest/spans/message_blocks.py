"""Sort the content blocks of a message, and read a tool's output.

Invariant: text and calls in an order that the record cannot hold are refused. `langchain_blocks` defines the block
types that all readers share.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.lines.langchain_blocks import (
    CALL_BLOCKS,
    REASONING_BLOCKS,
    Block,
    non_text_part,
    refuse_call_only_in_block,
)
from toolft_pipeline.ingest.parsing.nested_json import NULL, unwrap_json_text
from toolft_pipeline.ingest.parsing.reading import joined_parts, text_parts, tool_call
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError
from toolft_pipeline.trajectories.record import Message, Part, Role, ToolCall
from toolft_pipeline.trajectories.tool_failure import failed_result

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


class LoggedCall(Struct):
    """A call of a tool: OpenAI's with `function`, LangChain's with `args`, or with `arguments`."""

    id: str | None = None
    name: str | None = None
    args: Raw = NULL
    arguments: Raw = NULL
    function: _Function | None = None


class BlockSorter:
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
        """Sort one block. Raises `RefusedError`."""
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
        self.calls.append(logged_call(LoggedCall(id=block.call_id or block.id, name=block.name, arguments=arguments)))

    def _result(self, block: _Block) -> None:
        if self.texts:
            raise UnsupportedError("a user turn has text before its tool results; log that text as a turn of its own")
        given = next((raw for raw in (block.response, block.result) if raw != NULL), NULL)
        content = read_texts(block.content) if given == NULL else read_result(given) or ()
        content = failed_result(content) if block.is_error else content
        self.results.append(Message(role=Role.TOOL, content=content, tool_call_id=block.tool_use_id or block.id))


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


def content_blocks(content: Raw) -> list[str | _Block]:
    """Decode content into blocks; a text is one block."""
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
    turn = BlockSorter(Role.SYSTEM, image_role=role)
    for block in content_blocks(content):
        turn.take(block)
    return joined_parts(*turn.texts)


def _optional_text(value: Raw) -> str | None:
    return msgspec.json.decode(value, type=str | None)


def logged_call(call: LoggedCall) -> ToolCall:
    """Build the record of a logged call. Raises `msgspec.ValidationError` without a name."""
    name = call.function.name if call.function else call.name
    if name is None:
        raise msgspec.ValidationError("Object missing required field `name` - at a tool call")
    given = (call.function.arguments if call.function else NULL, call.args, call.arguments)
    return tool_call(id_=call.id, name=name, arguments=next((raw for raw in given if raw != NULL), NULL))
