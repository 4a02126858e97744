"""Find history, tools and answer in the input and output of a model call.

SDKs hand both to their tracer in shapes of their own.

Invariant: a prompt that was flattened into one text is refused, because its turns cannot be separated with certainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_nested, unwrap_json_text
from toolft_pipeline.ingest.parsing.reading import text_parts
from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason, UnsupportedError
from toolft_pipeline.ingest.spans.message_blocks import read_texts
from toolft_pipeline.ingest.spans.span_messages import read_messages
from toolft_pipeline.trajectories.record import Count, Message, Role


class LossyExportError(RefusedError):
    """The export lacks data that a trajectory needs."""

    reason: ClassVar[RejectReason] = RejectReason.LOSSY_EXPORT


class _Prompt(Struct):
    """The fields of a request.

    `input` and `instructions` are those of the Responses API.
    """

    messages: Raw = NULL
    system: Raw = NULL
    input: Raw = NULL
    instructions: Raw = NULL
    previous_response_id: Raw = NULL
    conversation: Raw = NULL
    model: Raw = NULL
    tools: Raw = NULL


class _Answer(Struct):
    role: Raw = NULL
    type: Raw = NULL
    kwargs: Raw = NULL
    generations: list[Raw] | None = None
    choices: list[Raw] | None = None
    message: Raw = NULL
    messages: Raw = NULL
    output: Raw = NULL


class TokenCounts(Struct):
    """The tokens of one model call, under the names that SDKs use."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input: Count | None = None
    output: Count | None = None

    @property
    def prompt(self) -> int | None:
        """Prompt tokens, None if not logged."""
        return next((n for n in (self.prompt_tokens, self.input_tokens, self.input) if n is not None), None)

    @property
    def completion(self) -> int | None:
        """Completion tokens, None if not logged."""
        return next((n for n in (self.completion_tokens, self.output_tokens, self.output) if n is not None), None)


def argument_text(value: Raw) -> str | None:
    """Return a tool's input as JSON text, None if it is not an object."""
    value = unwrap_json_text(value)
    return bytes(value).decode("utf-8") if bytes(value).startswith(b"{") else None


def read_prompt(value: Raw) -> tuple[tuple[Message, ...], Raw]:
    """Read the history of a model call, and the tools next to it.

    Raises `LossyExportError` if the turns were flattened into text.
    """
    value = unwrap_json_text(value)
    start = bytes(value)[:1]
    if value == NULL:
        return (), NULL
    if start == b"[":
        return read_messages(value), NULL
    if bytes(value)[:2] in (b'"[', b'"{'):
        raise LossyExportError(
            "the messages of a model call are truncated; raise the exporter's attribute length limit"
        )
    if start != b"{":
        raise LossyExportError("the prompt of a model call is one flattened text; export the messages of a chat model")
    prompt = decode_nested(value, _Prompt)
    head = prompt.system if prompt.system != NULL else prompt.instructions
    system = () if head == NULL else (Message(role=Role.SYSTEM, content=read_texts(head, role=Role.SYSTEM)),)
    return (*system, *_history(prompt)), prompt.tools


def _history(prompt: _Prompt) -> tuple[Message, ...]:
    if prompt.messages != NULL:
        return read_messages(prompt.messages)
    if bytes(prompt.previous_response_id)[:1] == b'"' or prompt.conversation != NULL:
        raise LossyExportError(
            "the history of a model call is stored at the provider (previous_response_id); log the whole input"
        )
    if bytes(prompt.input).startswith(b"["):
        return read_messages(prompt.input)
    if bytes(prompt.input).startswith(b'"') and (prompt.model, prompt.instructions, prompt.tools) != (NULL,) * 3:
        return (Message(role=Role.USER, content=read_texts(prompt.input)),)
    raise LossyExportError("the prompt of a model call has no messages; export the messages of a chat model")


def read_answer(value: Raw) -> tuple[Message, ...]:
    """Read the answer of a model call; nothing if the export has no output."""
    original, value = value, unwrap_json_text(value)
    if value == NULL or bytes(value) in (b"{}", b"[]"):
        return ()
    if bytes(original).startswith(b'"') and not _is_answer(value):
        return (Message(role=Role.ASSISTANT, content=text_parts(msgspec.json.decode(original, type=str))),)
    messages = read_messages(_answer_messages(value))
    if len(messages) != 1 or messages[0].role is not Role.ASSISTANT:
        raise UnsupportedError("the output of a model call is not one assistant message; export its answer alone")
    return messages


def _is_answer(value: Raw) -> bool:
    """Whether JSON from a text is a model's message or its wrapper.

    A model may also answer with JSON.
    """
    if bytes(value).startswith(b"["):
        items = decode_nested(value, list[Raw])
        return bool(items) and all(bytes(item).startswith(b"{") and _is_answer(item) for item in items)
    return bytes(value).startswith(b"{") and decode_nested(value, _Answer) != _Answer()


def _answer_messages(value: Raw) -> Raw:
    """Return the list of messages inside the wrappers of LangChain, OpenAI and agents."""
    if bytes(value).startswith(b"["):
        return value
    answer = decode_nested(value, _Answer)
    if answer.generations is not None:
        several = answer.generations
        while len(several) == 1 and bytes(several[0]).startswith(b"["):
            several = msgspec.json.decode(several[0], type=list[Raw])
        return _single_message(several)
    if answer.choices is not None:
        return _single_message(answer.choices)
    if answer.messages != NULL:
        return answer.messages
    for inner in (answer.message, answer.output):
        if inner != NULL:
            return inner if bytes(inner).startswith(b"[") else _as_list(inner)
    return _as_list(value)


def _single_message(several: Sequence[Raw]) -> Raw:
    if len(several) != 1:
        raise UnsupportedError("a model call has several answers (n > 1) or none; log the one that the agent used")
    message = msgspec.json.decode(several[0], type=_Answer).message
    if message == NULL:
        raise LossyExportError(
            "the output of a model call is a plain text completion; export the messages of a chat model"
        )
    return _as_list(message)


def _as_list(value: Raw) -> Raw:
    return Raw(b"[" + bytes(value) + b"]")
