"""OpenAI chat JSONL: one line, one run, as the chat completions API writes messages; a line may be their list alone.

What servers and proxies add to that is read where its meaning is certain: a `system` beside the messages (Anthropic's
place for it), the answer beside the messages, calls or arguments as JSON text, a tool's result as a value.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, content_parts
from toolft_pipeline.ingest.lines.result_text import value_as_text
from toolft_pipeline.ingest.lines.separate_answer import append_separate_answer
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.keys_not_read import (
    HARMLESS_CALL_KEYS,
    HARMLESS_MESSAGE_KEYS,
    HARMLESS_PART_KEYS,
    HARMLESS_RUN_KEYS,
    FormatKeys,
    struct_keys,
)
from toolft_pipeline.ingest.parsing.logged_values import id_as_text
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep, unwrapped
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import (
    NULL,
    Envelope,
    NestedTooDeepError,
    UnsupportedError,
    guarded,
    placed,
    text_parts,
    tool_call,
    trajectory,
)
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.ingest.unsupported_formats.entry import messages_of, objects
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
    """The name where the call has no `function` around it, as in LangChain's and the Responses API's calls."""
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
    """The run that one line records, or why it is none."""

    def read() -> Trajectory:
        bare = line.lstrip()[:1] == b"["
        run = _Run(messages=_LIST_DECODER.decode(line)) if bare else _DECODER.decode(line)
        messages = [*_system(run), *(_message(place, message) for place, message in enumerate(run.messages))]
        append_separate_answer(messages, run, read=read_openai_message)
        if run.tools == NULL:
            run.tools = run.functions
        run.tools = unwrapped(run.tools)
        return trajectory(run, tuple(messages), line=line, agent=agent, source=source, golden=golden)

    return guarded(read, line=line)


def _system(run: _Run) -> list[Message]:
    """The system prompt beside the messages, unless they begin with that very text."""
    if run.system == NULL:
        return []
    said = Message(Role.SYSTEM, _content(0, Role.SYSTEM, run.system))
    first = run.messages[0]
    if _ROLES.get(first.role) is Role.SYSTEM and _content(0, Role.SYSTEM, first.content) == said.content:
        return []
    return [said] if said.content else []


def read_openai_message(message: Raw) -> Message:
    """One message by itself. Raises `RefusedError` and `msgspec.ValidationError`."""
    return _message(0, msgspec.json.decode(message, type=_Message))


def _message(place: int, message: _Message) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise msgspec.ValidationError(
            f"role {quotable_name(message.role)} is none of system, developer, user, assistant and tool"
            f" - at `$.messages[{place}].role`"
        )
    for key, raw in (("function_call", message.function_call), ("audio", message.audio)):
        if _says(raw):
            raise UnsupportedError(f"message {place} carries {key}; only tool_calls and text are read")
    content = _content(place, role, message.content)
    return Message(
        role,
        content or text_parts(message.refusal),
        message.thinking or message.reasoning or message.reasoning_content,
        _calls(place, message.tool_calls),
        id_as_text(message.tool_call_id),
        message.tool_name or message.name,
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
            raise placed(error, f"$.messages[{place}].content") from None
    raise msgspec.ValidationError(f"Expected text or content parts - at `$.messages[{place}].content`")


def _calls(place: int, calls: Raw) -> tuple[ToolCall, ...]:
    """The calls of a message: a list, or a list as JSON text."""
    if calls == NULL:
        return ()
    try:
        listed = msgspec.json.decode(unwrapped(calls), type=list[_Call])
    except msgspec.ValidationError as error:
        raise placed(error, f"$.messages[{place}].tool_calls") from None
    return tuple([_call(place, call) for call in listed])


def _call(place: int, call: _Call) -> ToolCall:
    if call.function is None and call.name is not None and (call.args != NULL or call.arguments != NULL):
        return tool_call(id_=call.id, name=call.name, arguments=call.args if call.args != NULL else call.arguments)
    if call.function is None:
        kind = f"type {quotable_name(call.type)}" if call.type else "no `function`"
        raise UnsupportedError(f"message {place} makes a call of {kind}; only calls of functions are read")
    return tool_call(id_=call.id, name=call.function.name, arguments=call.function.arguments)


def _says(raw: Raw) -> bool:
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
"""What this reader takes from a line, and what it may leave."""
