"""OpenAI chat JSONL: one line, one run, as the chat completions API writes messages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.trajectories.image_blocks import ContentBlock, content_parts
from toolft_pipeline.trajectories.reading import (
    NULL,
    Envelope,
    UnsupportedError,
    guarded,
    text_parts,
    tool_call,
    trajectory,
)
from toolft_pipeline.trajectories.record import Message, Role, Source, ToolCall, Trajectory
from toolft_pipeline.trajectories.rejects import Rejection

_ROLES = {**{role.value: role for role in Role}, "developer": Role.SYSTEM}


class _Function(Struct, gc=False):
    name: str
    arguments: Raw = NULL


class _Call(Struct, gc=False):
    function: _Function
    id: str | None = None


class _Message(Struct, gc=False):
    role: str
    content: str | list[ContentBlock] | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    function_call: Raw = NULL
    audio: Raw = NULL


class _Run(Envelope, kw_only=True, gc=False):
    messages: Annotated[list[_Message], Meta(min_length=1)]


_DECODER = msgspec.json.Decoder(_Run)


def read_openai_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """The run that one line records, or why it is none."""

    def read() -> Trajectory:
        run = _DECODER.decode(line)
        messages = tuple([_message(message) for message in run.messages])
        return trajectory(run, messages, line=line, agent=agent, source=source, golden=golden)

    return guarded(read, line=line)


def _message(message: _Message) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise msgspec.ValidationError("Invalid role - at `$.messages[...].role`")
    if _says(message.function_call) or _says(message.audio):
        raise UnsupportedError("a message carries function_call or audio; only tool_calls and text are read")
    content = message.content if message.content is not None else message.refusal
    return Message(
        role,
        text_parts(content) if content is None or isinstance(content, str) else content_parts(content, role=role),
        message.reasoning or message.reasoning_content,
        () if message.tool_calls is None else tuple([_call(call) for call in message.tool_calls]),
        message.tool_call_id,
        message.name,
    )


def _call(call: _Call) -> ToolCall:
    return tool_call(id_=call.id, name=call.function.name, arguments=call.function.arguments)


def _says(raw: Raw) -> bool:
    return raw is not NULL and raw != NULL
