"""LangChain messages, one run a line: an object with `messages`, or the list.

A message has the form of `messages_to_dict`, of `dumpd` (a constructor with `kwargs`) or of `model_dump`. A call that
LangChain could not parse (`invalid_tool_calls`) rejects the run, because a training set must not guess what the model
meant. `status: error` of a result becomes the beginning of its text, as the record writes failures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.lines.langchain_blocks import AdditionalKwargs, Block, read_blocks
from toolft_pipeline.ingest.lines.result_text import value_as_text
from toolft_pipeline.ingest.parsing.json_shape import messages_of, objects
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
from toolft_pipeline.ingest.parsing.reading import Envelope, build_trajectory, read_or_reject, text_parts, tool_call
from toolft_pipeline.ingest.parsing.rejects import InvalidCallError, Rejection, UnsupportedError
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
"""Roles by the `type` of a message."""

_CLASSES = {
    **{f"{name}Message": name.lower() for name in ("System", "Human", "Tool")},
    **{f"{name}MessageChunk": f"{name}MessageChunk" for name in ("System", "Human", "Tool", "AI")},
    "AIMessage": "ai",
}
"""The `type` by class: the last part of a constructor's path."""


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
    weight: Raw = NULL
    train: Raw = NULL


class _Wrapped(Struct):
    """A message wrapped by `messages_to_dict` (`data`) or `dumpd` (`kwargs`), or bare."""

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
    """Read the run of one line, or the reason of its rejection.

    Messages give the tokens if the line does not.
    """

    def read() -> Trajectory:
        bare = line.lstrip()[:1] == b"["
        run = _Run(messages=_LIST_DECODER.decode(line)) if bare else _RUN_DECODER.decode(line)
        unwrapped = [_unwrapped(message) for message in run.messages]
        run.usage = run.usage or _usage(unwrapped)
        messages = tuple(_message(message) for message in unwrapped)
        return build_trajectory(run, messages, line=line, agent=agent, source=source, golden=golden)

    return read_or_reject(read, line=line)


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
        raise UnsupportedError(f"unknown message type {quotable_name(message.type)}; use system, human, ai or tool")
    if data.invalid_tool_calls:
        raise InvalidCallError(
            "the agent could not parse a tool call of the model (invalid_tool_calls); leave such runs out"
        )
    calls = data.tool_calls or []
    content, reasoning = _content(data, role, [id_as_text(call.id) for call in calls])
    if role is Role.ASSISTANT and (additional := data.additional_kwargs) is not None:
        additional.refuse_unlisted_calls(calls=bool(calls))
        content = content or text_parts(additional.refusal_text())
        reasoning = reasoning or additional.reasoning_text()
    return Message(
        role=role,
        content=failed_result(content) if role is Role.TOOL and data.status == "error" else content,
        reasoning=reasoning,
        tool_calls=tuple(tool_call(id_=call.id, name=call.name, arguments=call.args) for call in calls),
        tool_call_id=id_as_text(data.tool_call_id),
        name=data.name,
        train=is_trained(role, *_marks(data)),
    )


def _marks(data: _Data) -> list[LossMark]:
    """The marks of a message: in its own keys, and where LangChain keeps keys that it does not know."""
    additional = data.additional_kwargs or AdditionalKwargs()
    return [LossMark(data.weight, data.train), LossMark(additional.weight, additional.train)]


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


def _bare_messages(row: Any) -> list[dict[str, Any]]:
    """Return the messages of a decoded line without their wrapping."""
    inner = [(one, one.get("data") or one.get("kwargs")) for one in messages_of(row)]
    return [data | {"type": one.get("type")} if isinstance(data, dict) else one for one, data in inner]


KEYS = FormatKeys(
    run=struct_keys(_Run) | HARMLESS_RUN_KEYS,
    message=struct_keys(_Data, _Wrapped)
    | HARMLESS_MESSAGE_KEYS
    | {"response_metadata", "artifact", "example", "chunk_position", "tool_call_chunks", "lc", "invalid_tool_calls"},
    part=struct_keys(Block) | HARMLESS_PART_KEYS | {"name", "arguments", "input", "partial_json", "status", "phase"},
    call=struct_keys(_Call) | HARMLESS_CALL_KEYS,
    messages=_bare_messages,
    parts=lambda message: objects(message.get("content")),
    calls=lambda message: objects(message.get("tool_calls")),
)
"""The keys that this reader reads, and those that it may skip: calls in blocks repeat those of `tool_calls`."""


def _recognizes(row: Any) -> bool:
    return any(map(_is_langchain, messages_of(row)))


def _is_langchain(message: dict[str, Any]) -> bool:
    """Whether a message has the form of `messages_to_dict`, `dumpd` or `model_dump`."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return False
    if isinstance(message.get("data"), dict) or (kind == "constructor" and "kwargs" in message):
        return True
    return "role" not in message and "content" in message and kind in LANGCHAIN_ROLES


LANGCHAIN = LineFormat(
    name="langchain",
    description="LangChain messages (`messages_to_dict`, `dumpd`, `model_dump`)",
    recognizes=_recognizes,
    read=read_langchain_line,
    keys=KEYS,
)
