"""OpenAI chat messages, one run a line: an object with `messages`, or the list.

Additions of servers and proxies are read if their meaning is certain: `system` next to the messages (as in Anthropic's
API), the answer next to the messages, calls or arguments as JSON text, a tool result that is a value.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, content_parts
from toolft_pipeline.ingest.lines.result_text import value_as_text
from toolft_pipeline.ingest.lines.separate_answer import append_separate_answer
from toolft_pipeline.ingest.parsing.json_shape import any_json, messages_of, objects
from toolft_pipeline.ingest.parsing.keys_not_read import (
    HARMLESS_CALL_KEYS,
    HARMLESS_MESSAGE_KEYS,
    HARMLESS_PART_KEYS,
    HARMLESS_RUN_KEYS,
    FormatKeys,
    struct_keys,
)
from toolft_pipeline.ingest.parsing.logged_values import id_as_text
from toolft_pipeline.ingest.parsing.loss_mark import LossMark, is_trained
from toolft_pipeline.ingest.parsing.nested_json import NULL, NestedTooDeepError, is_too_deep, unwrap_json_text
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import (
    Envelope,
    build_trajectory,
    error_at,
    read_or_reject,
    text_parts,
    tool_call,
)
from toolft_pipeline.ingest.parsing.rejects import Rejection, UnsupportedError
from toolft_pipeline.trajectories.record import Message, Part, Role, Source, ToolCall, Trajectory

_ROLES = {**{role.value: role for role in Role}, "developer": Role.SYSTEM}


class _Function(Struct, gc=False):
    name: str
    arguments: Raw = NULL


class _Call(Struct, gc=False):
    function: _Function | None = None
    id: str | int | None = None
    type: str | None = None
    name: str | None = None
    """The name in calls without `function`, such as those of LangChain and the Responses API."""
    args: Raw = NULL
    arguments: Raw = NULL


class _Message(Struct, gc=False):
    role: str
    content: Raw = NULL
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    thinking: str | None = None
    """Ollama's name for reasoning."""
    tool_calls: Raw = NULL
    tool_call_id: str | int | None = None
    name: str | None = None
    tool_name: str | None = None
    """Ollama's name for the tool of a result."""
    function_call: Raw = NULL
    audio: Raw = NULL
    weight: Raw = NULL
    train: Raw = NULL


class _Run(Envelope, kw_only=True, gc=False):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    system: Raw = NULL
    functions: Raw = NULL
    response: Raw = NULL
    choices: Raw = NULL
    output: Raw = NULL
    completion: Raw = NULL


_DECODER = msgspec.json.Decoder(_Run)
_LIST_DECODER = msgspec.json.Decoder(Annotated[list[_Message], Meta(min_length=1)])


def read_openai_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """Read the run of one line, or the reason of its rejection."""

    def read() -> Trajectory:
        bare = line.lstrip()[:1] == b"["
        run = _Run(messages=_LIST_DECODER.decode(line)) if bare else _DECODER.decode(line)
        messages = [*_system(run), *(_message(place, message) for place, message in enumerate(run.messages))]
        append_separate_answer(messages, run, read=read_openai_message)
        if run.tools == NULL:
            run.tools = run.functions
        run.tools = unwrap_json_text(run.tools)
        return build_trajectory(run, tuple(messages), line=line, agent=agent, source=source, golden=golden)

    return read_or_reject(read, line=line)


def _system(run: _Run) -> list[Message]:
    """Return the system prompt next to the messages, unless they begin with it."""
    if run.system == NULL:
        return []
    system = Message(Role.SYSTEM, _content(0, Role.SYSTEM, run.system))
    first = run.messages[0]
    if _ROLES.get(first.role) is Role.SYSTEM and _content(0, Role.SYSTEM, first.content) == system.content:
        return []
    return [system] if system.content else []


def read_openai_message(message: Raw) -> Message:
    """Read one message by itself. Raises `RefusedError` and `msgspec.ValidationError`."""
    return _message(0, msgspec.json.decode(message, type=_Message))


def _message(place: int, message: _Message) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise msgspec.ValidationError(
            f"unknown role {quotable_name(message.role)}; use system, developer, user, assistant or tool"
            f" - at `$.messages[{place}].role`"
        )
    for key, raw in (("function_call", message.function_call), ("audio", message.audio)):
        if _is_set(raw):
            raise UnsupportedError(
                f"message {place} has {key}, which is not supported; log calls as tool_calls and speech as text"
            )
    content = _content(place, role, message.content)
    return Message(
        role,
        content or text_parts(message.refusal),
        message.thinking or message.reasoning or message.reasoning_content,
        _calls(place, message.tool_calls),
        id_as_text(message.tool_call_id),
        message.tool_name or message.name,
        is_trained(role, LossMark(message.weight, message.train), place=place),
    )


def _content(place: int, role: Role, content: Raw) -> tuple[Part, ...]:
    raw = bytes(content)
    if raw == b"null":
        return ()
    if raw.startswith(b'"'):
        return text_parts(msgspec.json.decode(content, type=str))
    if role is Role.TOOL and (value := value_as_text(content)) is not None:
        if is_too_deep(raw):
            raise NestedTooDeepError
        return text_parts(value)
    listed = Raw(b"[" + raw + b"]") if raw.startswith(b"{") else content
    if bytes(listed).startswith(b"["):
        try:
            return content_parts(msgspec.json.decode(listed, type=list[ContentBlock]), role=role)
        except msgspec.ValidationError as error:
            raise error_at(error, f"$.messages[{place}].content") from None
    raise msgspec.ValidationError(f"Expected text or content parts - at `$.messages[{place}].content`")


def _calls(place: int, calls: Raw) -> tuple[ToolCall, ...]:
    """Read the calls of a message: a list, or a list as JSON text."""
    if calls == NULL:
        return ()
    try:
        listed = msgspec.json.decode(unwrap_json_text(calls), type=list[_Call])
    except msgspec.ValidationError as error:
        raise error_at(error, f"$.messages[{place}].tool_calls") from None
    return tuple([_call(place, call) for call in listed])


def _call(place: int, call: _Call) -> ToolCall:
    if call.function is None and call.name is not None and (call.args != NULL or call.arguments != NULL):
        return tool_call(id_=call.id, name=call.name, arguments=call.args if call.args != NULL else call.arguments)
    if call.function is None:
        kind = f"type {quotable_name(call.type)}" if call.type else "no `function`"
        raise UnsupportedError(f"message {place} has a tool call of {kind}; only function calls are supported")
    return tool_call(id_=call.id, name=call.function.name, arguments=call.function.arguments)


def _is_set(raw: Raw) -> bool:
    return raw is not NULL and bytes(raw) not in (b"null", b"{}", b"[]", b'""')


def _decoded_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    calls = message.get("tool_calls")
    if isinstance(calls, str):
        calls = any_json(calls.encode())
    return objects(calls)


KEYS = FormatKeys(
    run=struct_keys(_Run) | HARMLESS_RUN_KEYS,
    message=struct_keys(_Message) | HARMLESS_MESSAGE_KEYS,
    part=struct_keys(ContentBlock) | HARMLESS_PART_KEYS,
    call=struct_keys(_Call, _Function) | HARMLESS_CALL_KEYS,
    messages=messages_of,
    parts=lambda message: objects(message.get("content")),
    calls=_decoded_calls,
)
"""The keys that this reader reads, and those that it may skip."""


def recognizes(row: Any) -> bool:
    """Whether a decoded line has keys or roles of OpenAI's messages.

    Other formats have some of them too, so this one is checked last.
    """
    return any(
        "tool_calls" in message or message.get("role") in ("tool", "system", "developer")
        for message in messages_of(row)
    )
