"""LangChain messages: a line is the list itself, or an object with `messages`.

A message is what `messages_to_dict` writes, or `dumpd` (a constructor with `kwargs`), or its own `model_dump`.

A call that LangChain's own parser gave up (`invalid_tool_calls`) makes the run a reject of its own reason: what the
model meant is not known, and a training set must not guess it. `status: error` of a result becomes how its text begins,
as the record writes failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.lines.langchain_blocks import AdditionalKwargs, Block, read_blocks
from toolft_pipeline.ingest.lines.result_text import value_as_text
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
    InvalidCallError,
    UnsupportedError,
    guarded,
    text_parts,
    tool_call,
    trajectory,
)
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.ingest.unsupported_formats.entry import messages_of, objects
from toolft_pipeline.trajectories.record import Count, Message, Part, Role, Source, Trajectory, Usage
from toolft_pipeline.trajectories.tool_failure import failed_result

LANGCHAIN_ROLES = {
    "system": Role.SYSTEM,
    "human": Role.USER,
    "ai": Role.ASSISTANT,
    "AIMessageChunk": Role.ASSISTANT,
    "tool": Role.TOOL,
    "SystemMessageChunk": Role.SYSTEM,
    "HumanMessageChunk": Role.USER,
    "ToolMessageChunk": Role.TOOL,
}
"""By the `type` of a message."""

_CLASSES = {
    **{f"{name}Message": name.lower() for name in ("System", "Human", "Tool")},
    **{f"{name}MessageChunk": f"{name}MessageChunk" for name in ("System", "Human", "Tool", "AI")},
    "AIMessage": "ai",
}
"""The `type` of the messages of a class: what a constructor's path ends in."""


class _Call(Struct):
    name: str
    args: Raw = NULL
    id: str | int | None = None


class _Tokens(Struct):
    input_tokens: Count = 0
    output_tokens: Count = 0


class _Data(Struct, kw_only=True):
    content: Raw
    name: str | None = None
    tool_calls: list[_Call] | None = None
    invalid_tool_calls: list[Raw] | None = None
    tool_call_id: str | int | None = None
    status: str | None = None
    additional_kwargs: AdditionalKwargs | None = None
    usage_metadata: _Tokens | None = None


class _Wrapped(Struct):
    """A message inside what `messages_to_dict` or `dumpd` puts around it; bare, it has neither."""

    type: str
    data: _Data | None = None
    kwargs: _Data | None = None
    id: Raw = NULL


class _Message(Struct):
    type: str
    data: _Data


_Messages = Annotated[list[Raw], Meta(min_length=1)]


class _Run(Envelope, kw_only=True):
    messages: _Messages


_LIST_DECODER = msgspec.json.Decoder(_Messages)
_RUN_DECODER = msgspec.json.Decoder(_Run)


def read_langchain_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """The run that one line records, or why it is none. Tokens come from the messages where the line says none."""

    def read() -> Trajectory:
        bare = line.lstrip()[:1] == b"["
        run = _Run(messages=_LIST_DECODER.decode(line)) if bare else _RUN_DECODER.decode(line)
        unwrapped = [_unwrapped(message) for message in run.messages]
        run.usage = run.usage or _usage(unwrapped)
        messages = tuple(_message(message) for message in unwrapped)
        return trajectory(run, messages, line=line, agent=agent, source=source, golden=golden)

    return guarded(read, line=line)


def _unwrapped(message: Raw) -> _Message:
    outer = msgspec.json.decode(message, type=_Wrapped)
    if outer.data is not None:
        return _Message(outer.type, outer.data)
    if outer.kwargs is None:
        return _Message(outer.type, msgspec.json.decode(message, type=_Data))
    path = msgspec.json.decode(outer.id, type=list[str]) if bytes(outer.id).startswith(b"[") else []
    return _Message(_CLASSES.get(path[-1], path[-1]) if path else outer.type, outer.kwargs)


def _message(message: _Message) -> Message:
    role, data = LANGCHAIN_ROLES.get(message.type), message.data
    if role is None:
        raise UnsupportedError(f"a message of type {quotable_name(message.type)} is none of system, human, ai and tool")
    if data.invalid_tool_calls:
        raise InvalidCallError("the agent's own parser could not read a call (invalid_tool_calls)")
    calls = data.tool_calls or []
    content, reasoning = _content(data, role, [id_as_text(call.id) for call in calls])
    if role is Role.ASSISTANT and (beside := data.additional_kwargs) is not None:
        beside.check(calls=bool(calls))
        content = content or text_parts(beside.refused())
        reasoning = reasoning or beside.thought()
    return Message(
        role=role,
        content=failed_result(content) if role is Role.TOOL and data.status == "error" else content,
        reasoning=reasoning,
        tool_calls=tuple(tool_call(id_=call.id, name=call.name, arguments=call.args) for call in calls),
        tool_call_id=id_as_text(data.tool_call_id),
        name=data.name,
    )


def _content(data: _Data, role: Role, call_ids: Sequence[str | None]) -> tuple[tuple[Part, ...], str | None]:
    value = value_as_text(data.content) if role is Role.TOOL else None
    if value is not None:
        return text_parts(value), None
    return read_blocks(msgspec.json.decode(data.content, type=str | list[str | Block]), role, call_ids=call_ids)


def _usage(messages: Sequence[_Message]) -> Usage | None:
    counted = [message.data.usage_metadata for message in messages if message.data.usage_metadata is not None]
    if not counted:
        return None
    return Usage(
        prompt_tokens=sum(tokens.input_tokens for tokens in counted),
        completion_tokens=sum(tokens.output_tokens for tokens in counted),
    )


def _inner(row: Any) -> list[dict[str, Any]]:
    """The messages of a decoded line without what stands around them."""
    inner = [(one, one.get("data") or one.get("kwargs")) for one in messages_of(row)]
    return [data | {"type": one.get("type")} if isinstance(data, dict) else one for one, data in inner]


KEYS = FormatKeys(
    run=struct_keys(_Run) | HARMLESS_RUN_KEYS,
    message=struct_keys(_Data, _Wrapped)
    | HARMLESS_MESSAGE_KEYS
    | {"response_metadata", "artifact", "example", "chunk_position", "tool_call_chunks", "lc", "invalid_tool_calls"},
    part=struct_keys(Block) | HARMLESS_PART_KEYS | {"name", "arguments", "input", "partial_json", "status", "phase"},
    call=struct_keys(_Call) | HARMLESS_CALL_KEYS,
    messages=_inner,
    parts=lambda message: objects(message.get("content")),
    calls=lambda message: objects(message.get("tool_calls")),
)
"""What this reader takes from a line, and what it may leave: the calls in blocks are those of `tool_calls`."""
