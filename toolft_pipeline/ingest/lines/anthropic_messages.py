"""Anthropic messages, one run a line.

Calls are `tool_use` blocks of an assistant turn, results `tool_result` blocks of a user turn. A user turn with results
becomes one tool turn for each, then a user turn with the text after them. An answer that is logged next to the messages
becomes the last turn, as in OpenAI's reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.lines.openai_chat import read_openai_message
from toolft_pipeline.ingest.lines.result_text import value_as_text
from toolft_pipeline.ingest.lines.separate_answer import append_separate_answer
from toolft_pipeline.ingest.parsing.json_shape import messages_of, objects, parts_of
from toolft_pipeline.ingest.parsing.keys_not_read import (
    HARMLESS_CALL_KEYS,
    HARMLESS_MESSAGE_KEYS,
    HARMLESS_PART_KEYS,
    HARMLESS_RUN_KEYS,
    FormatKeys,
    struct_keys,
)
from toolft_pipeline.ingest.parsing.log_format import LineFormat
from toolft_pipeline.ingest.parsing.logged_values import id_as_text
from toolft_pipeline.ingest.parsing.loss_mark import LossMark, is_trained
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import (
    Envelope,
    build_trajectory,
    joined_parts,
    read_or_reject,
    text_parts,
    tool_call,
)
from toolft_pipeline.ingest.parsing.rejects import Rejection, UnsupportedError
from toolft_pipeline.trajectories.record import Message, Part, Role, Source, ToolCall, Trajectory
from toolft_pipeline.trajectories.tool_failure import failed_result


class _Block(ContentBlock):
    thinking: str | None = None
    id: str | int | None = None
    name: str | None = None
    input: Raw = NULL
    tool_use_id: str | int | None = None
    content: Raw = NULL
    is_error: bool | None = None


class _Message(Struct):
    role: str
    content: str | list[_Block]
    weight: Raw = NULL
    train: Raw = NULL


class _Run(Envelope, kw_only=True):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    system: str | list[ContentBlock] | None = None
    response: Raw = NULL
    choices: Raw = NULL
    output: Raw = NULL
    completion: Raw = NULL


_DECODER = msgspec.json.Decoder(_Run)
_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}


def read_anthropic_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """Read the run of one line, or the reason of its rejection."""

    def read() -> Trajectory:
        run = _DECODER.decode(line)
        messages = [*_system(run), *(one for message in run.messages for one in _turns(message))]
        append_separate_answer(messages, run, read=_answer)
        return build_trajectory(run, tuple(messages), line=line, agent=agent, source=source, golden=golden)

    return read_or_reject(read, line=line)


def _system(run: _Run) -> Iterator[Message]:
    if run.system:
        yield Message(role=Role.SYSTEM, content=_content(run.system, Role.SYSTEM))


def _turns(message: _Message) -> Iterator[Message]:
    role = _ROLES.get(message.role)
    if role is None:
        raise UnsupportedError(
            f"unknown role {quotable_name(message.role)}; Anthropic's are system, user and assistant"
        )
    train = is_trained(role, LossMark(message.weight, message.train))
    if isinstance(message.content, str):
        yield Message(role=role, content=text_parts(message.content), train=train)
    elif role is Role.ASSISTANT:
        yield msgspec.structs.replace(_assistant(message.content), train=train)
    elif role is Role.SYSTEM:
        yield Message(role=role, content=_content(message.content, role))
    else:
        yield from _user(message.content)


def _answer(answer: Raw) -> Message:
    """Read an answer next to the messages: Anthropic's, or one with `tool_calls`."""
    if b'"tool_calls"' in bytes(answer):
        return read_openai_message(answer)
    return next(_turns(msgspec.json.decode(answer, type=_Message)))


def _assistant(blocks: Sequence[_Block]) -> Message:
    """Read an assistant turn: text first, then calls.

    The API writes this order, and the record can hold no other.
    """
    texts: list[str | None] = []
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        if block.type == "tool_use":
            if block.name is None:
                raise msgspec.ValidationError(
                    "Object missing required field `name` - at `$.messages[...].content[...]`"
                )
            calls.append(tool_call(id_=block.id, name=block.name, arguments=block.input))
        elif block.type == "text" and calls:
            raise UnsupportedError(
                "an assistant turn has text after its tool calls; log that text as a turn of its own"
            )
        elif block.type == "text":
            texts.append(block.text)
        elif block.type == "thinking":
            reasoning.append(block.thinking or "")
        elif block.type != "redacted_thinking":
            raise UnsupportedError(
                f"an assistant turn has a block of type {quotable_name(block.type)}, which is not supported; only "
                "text, thinking and tool_use are read"
            )
    return Message(
        role=Role.ASSISTANT,
        content=text_parts(*texts),
        reasoning="".join(reasoning) or None,
        tool_calls=tuple(calls),
    )


def _user(blocks: Sequence[_Block]) -> Iterator[Message]:
    parts: list[str | Part | None] = []
    for block in blocks:
        if block.type == "tool_result":
            if parts:
                raise UnsupportedError(
                    "a user turn has text before its tool results; log that text as a turn of its own"
                )
            yield _result(block)
        else:
            parts.append(block.text if block.type == "text" else image_part(block, Role.USER))
    if parts:
        yield Message(role=Role.USER, content=joined_parts(*parts))


def _result(block: _Block) -> Message:
    """Read a tool result.

    A failure, here a flag, becomes the beginning of the text as in other formats.
    """
    value = value_as_text(block.content)
    if value is not None:
        content = text_parts(value)
    else:
        content = _content(msgspec.json.decode(block.content, type=str | list[ContentBlock] | None) or "", Role.TOOL)
    content = failed_result(content) if block.is_error else content
    return Message(role=Role.TOOL, content=content, tool_call_id=id_as_text(block.tool_use_id))


def _content(content: str | Sequence[ContentBlock], role: Role) -> tuple[Part, ...]:
    if isinstance(content, str):
        return text_parts(content)
    return joined_parts(*(block.text if block.type == "text" else image_part(block, role) for block in content))


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks of a message, and those in its results."""
    blocks = objects(message.get("content"))
    return [*blocks, *(inner for block in blocks for inner in objects(block.get("content")))]


KEYS = FormatKeys(
    run=struct_keys(_Run) | HARMLESS_RUN_KEYS | {"thinking"},
    message=struct_keys(_Message) | HARMLESS_MESSAGE_KEYS | {"type"},
    part=struct_keys(_Block) | HARMLESS_PART_KEYS,
    call=struct_keys(_Block) | HARMLESS_CALL_KEYS | HARMLESS_PART_KEYS,
    messages=messages_of,
    parts=_parts,
    calls=lambda message: [part for part in objects(message.get("content")) if part.get("type") == "tool_use"],
)
"""The keys that this reader reads, and those that it may skip."""


def _recognizes(row: Any) -> bool:
    """Whether a line has Anthropic's blocks.

    A `system` next to the messages occurs in other formats too.
    """
    return any(block.get("type") in ("tool_use", "tool_result", "thinking") for block in parts_of(row))


ANTHROPIC = LineFormat(
    name="anthropic",
    description="Anthropic `messages`",
    recognizes=_recognizes,
    read=read_anthropic_line,
    keys=KEYS,
)
