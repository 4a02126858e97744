"""Anthropic messages: calls are `tool_use` blocks of an assistant turn, results `tool_result` blocks of a user turn.

A user turn that carries results becomes one tool turn for each, then a user turn with the text that follows them.
What an answer's object beside the messages says is the last turn, as in OpenAI's reader.
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
from toolft_pipeline.ingest.parsing.keys_not_read import (
    HARMLESS_CALL_KEYS,
    HARMLESS_MESSAGE_KEYS,
    HARMLESS_PART_KEYS,
    HARMLESS_RUN_KEYS,
    FormatKeys,
    struct_keys,
)
from toolft_pipeline.ingest.parsing.logged_values import id_as_text
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import (
    NULL,
    Envelope,
    UnsupportedError,
    guarded,
    joined_parts,
    text_parts,
    tool_call,
    trajectory,
)
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.ingest.unsupported_formats.entry import messages_of, objects
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
    """The run that one line records, or why it is none."""

    def read() -> Trajectory:
        run = _DECODER.decode(line)
        messages = [*_system(run), *(one for message in run.messages for one in _turns(message))]
        append_separate_answer(messages, run, read=_answer)
        return trajectory(run, tuple(messages), line=line, agent=agent, source=source, golden=golden)

    return guarded(read, line=line)


def _system(run: _Run) -> Iterator[Message]:
    if run.system:
        yield Message(role=Role.SYSTEM, content=_shown(run.system, Role.SYSTEM))


def _turns(message: _Message) -> Iterator[Message]:
    role = _ROLES.get(message.role)
    if role is None:
        raise UnsupportedError(f"role {quotable_name(message.role)} is none of Anthropic's: system, user and assistant")
    if isinstance(message.content, str):
        yield Message(role=role, content=text_parts(message.content))
    elif role is Role.ASSISTANT:
        yield _assistant(message.content)
    elif role is Role.SYSTEM:
        yield Message(role=role, content=_shown(message.content, role))
    else:
        yield from _user(message.content)


def _answer(answer: Raw) -> Message:
    """A message beside the others: Anthropic's own, or one whose calls stand as OpenAI writes them."""
    if b'"tool_calls"' in bytes(answer):
        return read_openai_message(answer)
    return next(_turns(msgspec.json.decode(answer, type=_Message)))


def _assistant(blocks: Sequence[_Block]) -> Message:
    """Text first, then calls: the only order that the record can hold, and the one that the API writes."""
    texts: list[str | None] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        if block.type == "tool_use":
            if block.name is None:
                raise msgspec.ValidationError(
                    "Object missing required field `name` - at `$.messages[...].content[...]`"
                )
            calls.append(tool_call(id_=block.id, name=block.name, arguments=block.input))
        elif block.type == "text" and calls:
            raise UnsupportedError("an assistant turn says something after its calls")
        elif block.type == "text":
            texts.append(block.text)
        elif block.type == "thinking":
            thoughts.append(block.thinking or "")
        elif block.type != "redacted_thinking":
            raise UnsupportedError(
                f"an assistant turn carries a part of type {quotable_name(block.type)}, which is neither text nor a call"
            )
    return Message(
        role=Role.ASSISTANT,
        content=text_parts(*texts),
        reasoning="".join(thoughts) or None,
        tool_calls=tuple(calls),
    )


def _user(blocks: Sequence[_Block]) -> Iterator[Message]:
    shown: list[str | Part | None] = []
    for block in blocks:
        if block.type == "tool_result":
            if shown:
                raise UnsupportedError("a user turn says something before its results")
            yield _result(block)
        else:
            shown.append(block.text if block.type == "text" else image_part(block, Role.USER))
    if shown:
        yield Message(role=Role.USER, content=joined_parts(*shown))


def _result(block: _Block) -> Message:
    """A failure is a flag here; in the record it is how the text begins, as the model saw it in other formats."""
    value = value_as_text(block.content)
    if value is not None:
        content = text_parts(value)
    else:
        content = _shown(msgspec.json.decode(block.content, type=str | list[ContentBlock] | None) or "", Role.TOOL)
    content = failed_result(content) if block.is_error else content
    return Message(role=Role.TOOL, content=content, tool_call_id=id_as_text(block.tool_use_id))


def _shown(content: str | Sequence[ContentBlock], role: Role) -> tuple[Part, ...]:
    if isinstance(content, str):
        return text_parts(content)
    return joined_parts(*(block.text if block.type == "text" else image_part(block, role) for block in content))


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a message, and those within its results."""
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
"""What this reader takes from a line, and what it may leave."""
