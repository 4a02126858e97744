"""What a span says of a model's input and output, in whichever of the usual dialects its SDK wrote it.

Invariant: a message is read the same in every dialect: OpenAI's (`role`, `tool_calls`), LangChain's (`type`, bare or
inside `kwargs` or `data`), Anthropic's (`tool_use` and `tool_result` blocks) and OpenTelemetry's (`parts`). A prompt
that an exporter flattened into one text is refused: its turns cannot be told apart without guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.trajectories.category import ERROR_PREFIX
from toolft_pipeline.trajectories.nesting import MAX_NESTING, too_deep
from toolft_pipeline.trajectories.reading import (
    NULL,
    Count,
    InvalidCallError,
    RefusedError,
    UnsupportedError,
    text_parts,
    tool_call,
)
from toolft_pipeline.trajectories.record import Message, Part, Role, ToolCall
from toolft_pipeline.trajectories.rejects import RejectReason

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
_TEXTS = ("text", "input_text", "output_text")
_THOUGHTS = ("thinking", "reasoning")
_CALLS = ("tool_use", "tool_call")
_RESULTS = ("tool_result", "tool_call_response")
_SILENT = ("redacted_thinking", "input_json_delta")


_Type = TypeVar("_Type")


class LossyError(RefusedError):
    """The exporter left out what a trajectory needs."""

    reason: ClassVar[RejectReason] = RejectReason.LOSSY_EXPORT


class _Block(Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    reasoning: str | None = None
    content: Raw = NULL
    id: str | None = None
    name: str | None = None
    input: Raw = NULL
    args: Raw = NULL
    arguments: Raw = NULL
    tool_use_id: str | None = None
    response: Raw = NULL
    result: Raw = NULL
    is_error: bool | None = None


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


class _Prompt(Struct):
    messages: Raw = NULL
    system: Raw = NULL
    tools: Raw = NULL


class _Answer(Struct):
    generations: list[Raw] | None = None
    choices: list[Raw] | None = None
    message: Raw = NULL
    messages: Raw = NULL
    output: Raw = NULL


class Tokens(Struct):
    """Tokens of one model call under the names that SDKs use."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input: Count | None = None
    output: Count | None = None

    @property
    def prompt(self) -> int | None:
        """Tokens read, None where no name says it."""
        return next((n for n in (self.prompt_tokens, self.input_tokens, self.input) if n is not None), None)

    @property
    def completion(self) -> int | None:
        """Tokens written, None where no name says it."""
        return next((n for n in (self.completion_tokens, self.output_tokens, self.output) if n is not None), None)


def decoded(data: Raw | bytes, type_: type[_Type]) -> _Type:
    """JSON that lay inside a JSON string, under the same cap of nesting as the line itself."""
    text = bytes(data)
    if too_deep(text):
        raise UnsupportedError(f"JSON inside a field is nested deeper than {MAX_NESTING} levels")
    return msgspec.json.decode(text, type=type_)


def unwrapped(value: Raw) -> Raw:
    """A value, or the JSON object or list that its string holds: some exports write JSON as text."""
    if not bytes(value).startswith(b'"'):
        return value
    text = msgspec.json.decode(value, type=str).strip()
    if text[:1] not in ("{", "["):
        return value
    try:
        return decoded(text.encode(), Raw)
    except msgspec.DecodeError:
        return value


def opened(value: Raw, type_: type[_Type]) -> _Type:
    """A structure whose fields all have defaults: from an object, from JSON text, or empty for null."""
    return type_() if value == NULL else decoded(unwrapped(value), type_)


def argument_text(value: Raw) -> str | None:
    """A tool's input as JSON text, where it is an object or JSON text itself."""
    value = unwrapped(value)
    return bytes(value).decode("utf-8") if bytes(value).startswith(b"{") else None


def read_prompt(value: Raw) -> tuple[tuple[Message, ...], Raw]:
    """The history that a model call was given, and the tools where they stand beside it.

    Raises `LossyError` where the turns were flattened into text.
    """
    value = unwrapped(value)
    start = bytes(value)[:1]
    if value == NULL:
        return (), NULL
    if start == b"[":
        return read_messages(value), NULL
    if bytes(value)[:2] in (b'"[', b'"{'):
        raise LossyError("a model call's messages break off; raise the exporter's limit of an attribute's length")
    if start != b"{":
        raise LossyError("a model call's prompt is one flattened text; export the messages of a chat model")
    prompt = decoded(value, _Prompt)
    if prompt.messages == NULL:
        raise LossyError("a model call's prompt has no messages; export the messages of a chat model")
    system = () if prompt.system == NULL else (Message(role=Role.SYSTEM, content=_texts(prompt.system)),)
    return (*system, *read_messages(prompt.messages)), prompt.tools


def read_answer(value: Raw) -> tuple[Message, ...]:
    """What a model call said: one assistant turn, or none where the export has no output."""
    value = unwrapped(value)
    start = bytes(value)[:1]
    if value == NULL or bytes(value) in (b"{}", b"[]"):
        return ()
    if start == b'"':
        return (Message(role=Role.ASSISTANT, content=text_parts(msgspec.json.decode(value, type=str))),)
    said = read_messages(_answered(value))
    if len(said) != 1 or said[0].role is not Role.ASSISTANT:
        raise UnsupportedError("a model call's output is not one assistant turn")
    return said


def read_messages(value: Raw) -> tuple[Message, ...]:
    """The turns of a list; LangChain puts one list of turns into another."""
    items = decoded(value, list[Raw])
    if len(items) == 1 and bytes(items[0]).startswith(b"["):
        items = msgspec.json.decode(items[0], type=list[Raw])
    return tuple(message for item in items for message in _messages(_plain(item)))


def read_result(value: Raw) -> tuple[Part, ...] | None:
    """A tool's output as the text that the model would see: a message's content, a text, or the JSON itself."""
    value = unwrapped(value)
    raw = bytes(value)
    if value == NULL:
        return None
    if raw.startswith(b'"'):
        return text_parts(msgspec.json.decode(value, type=str))
    if raw.startswith(b"{"):
        message = _plain(value)
        if (message.role or message.type) == "tool" and message.content != NULL:
            return _texts(message.content)
    return text_parts(raw.decode("utf-8"))


def _answered(value: Raw) -> Raw:
    """The list of turns inside the wrappers of LangChain, OpenAI and agents."""
    if bytes(value).startswith(b"["):
        return value
    answer = decoded(value, _Answer)
    if answer.generations is not None:
        several = answer.generations
        while len(several) == 1 and bytes(several[0]).startswith(b"["):
            several = msgspec.json.decode(several[0], type=list[Raw])
        return _only(several, "a completion of plain text, not of a chat model")
    if answer.choices is not None:
        return _only(answer.choices, "a completion of plain text, not of a chat model")
    if answer.messages != NULL:
        return answer.messages
    for inner in (answer.message, answer.output):
        if inner != NULL:
            return inner if bytes(inner).startswith(b"[") else _listed(inner)
    return _listed(value)


def _only(several: Sequence[Raw], otherwise: str) -> Raw:
    if len(several) != 1:
        raise UnsupportedError("a model call has several answers (n > 1) or none")
    message = msgspec.json.decode(several[0], type=_Answer).message
    if message == NULL:
        raise LossyError(f"a model call's output is {otherwise}")
    return _listed(message)


def _listed(value: Raw) -> Raw:
    return Raw(b"[" + bytes(value) + b"]")


def _plain(item: Raw) -> _Message:
    """A message without LangChain's wrapping."""
    message = msgspec.json.decode(item, type=_Message)
    for inner in (message.kwargs, message.data):
        if message.role is None and inner != NULL:
            unwrapped_ = msgspec.json.decode(inner, type=_Message)
            unwrapped_.type = unwrapped_.type or _class(message)
            return unwrapped_
    return message


def _class(message: _Message) -> str | None:
    if not bytes(message.id).startswith(b"["):
        return message.type
    path = msgspec.json.decode(message.id, type=list[str])
    return _CLASSES.get(path[-1]) if path else None


def _messages(message: _Message) -> Iterator[Message]:
    role = _ROLES.get(message.role or message.type or "")
    if role is None:
        raise UnsupportedError("a message is none of system, user, assistant and tool")
    if message.invalid_tool_calls:
        raise InvalidCallError("the agent's own parser could not read a call (invalid_tool_calls)")
    if message.function_call != NULL or message.audio != NULL:
        raise UnsupportedError("a message carries function_call or audio; only tool_calls and text are read")
    turn = _Turn(role)
    for block in _blocks(message.parts if message.parts != NULL else message.content):
        turn.take(block)
    yield from turn.results
    calls = turn.calls if message.tool_calls is None else [_call(call) for call in message.tool_calls]
    texts = turn.texts or [message.refusal]
    if turn.results and not turn.texts:
        return
    yield Message(
        role=Role.USER if turn.results else role,
        content=text_parts(*texts),
        reasoning="".join(turn.thoughts) or message.reasoning or message.reasoning_content,
        tool_calls=tuple(calls),
        tool_call_id=message.tool_call_id,
        name=message.name if role is Role.TOOL else None,
    )


class _Turn:
    """The blocks of one message sorted: text, thoughts, calls, results; only in orders that the record can hold."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self.texts: list[str | None] = []
        self.thoughts: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[Message] = []

    def take(self, block: str | _Block) -> None:
        if isinstance(block, str):
            self._say(block)
        elif block.type in _TEXTS:
            self._say(block.text if block.text is not None else _optional_text(block.content))
        elif block.type in _THOUGHTS:
            self.thoughts.append(block.thinking or block.reasoning or _optional_text(block.content) or "")
        elif block.type in _CALLS and self._role is Role.ASSISTANT:
            arguments = next((raw for raw in (block.input, block.args, block.arguments) if raw != NULL), NULL)
            self.calls.append(_call(_Call(id=block.id, name=block.name, arguments=arguments)))
        elif block.type in _RESULTS and self._role in (Role.USER, Role.TOOL):
            self._result(block)
        elif block.type not in _SILENT:
            raise UnsupportedError("a message carries a part that is not text; images and audio are not read")

    def _say(self, text: str | None) -> None:
        if self.calls:
            raise UnsupportedError("an assistant turn says something after its calls")
        self.texts.append(text)

    def _result(self, block: _Block) -> None:
        if self.texts:
            raise UnsupportedError("a user turn says something before its results")
        given = next((raw for raw in (block.response, block.result) if raw != NULL), NULL)
        content = _texts(block.content) if given == NULL else read_result(given) or ()
        if block.is_error and not "".join(part.text or "" for part in content).startswith(ERROR_PREFIX):
            content = (Part(type="text", text=ERROR_PREFIX), *content)
        self.results.append(Message(role=Role.TOOL, content=content, tool_call_id=block.tool_use_id or block.id))


def _blocks(content: Raw) -> list[str | _Block]:
    raw = bytes(content)
    if content == NULL:
        return []
    if raw.startswith(b'"'):
        return [msgspec.json.decode(content, type=str)]
    return msgspec.json.decode(content, type=list[str | _Block])


def _texts(content: Raw) -> tuple[Part, ...]:
    turn = _Turn(Role.SYSTEM)
    for block in _blocks(content):
        turn.take(block)
    return text_parts(*turn.texts)


def _optional_text(value: Raw) -> str | None:
    return msgspec.json.decode(value, type=str | None)


def _call(call: _Call) -> ToolCall:
    name = call.function.name if call.function else call.name
    if name is None:
        raise msgspec.ValidationError("Object missing required field `name` - at a tool call")
    given = (call.function.arguments if call.function else NULL, call.args, call.arguments)
    return tool_call(id_=call.id, name=name, arguments=next((raw for raw in given if raw != NULL), NULL))
