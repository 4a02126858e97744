"""Where a model call's history, tools and answer stand in the input and output that an SDK hands to its tracer.

Invariant: a prompt that was flattened into one text is refused: its turns cannot be told apart without guessing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import decoded, unwrapped
from toolft_pipeline.ingest.parsing.reading import NULL, RefusedError, UnsupportedError, text_parts
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.ingest.spans.span_messages import read_messages, read_texts
from toolft_pipeline.trajectories.record import Count, Message, Role


class LossyExportError(RefusedError):
    """The exporter left out what a trajectory needs."""

    reason: ClassVar[RejectReason] = RejectReason.LOSSY_EXPORT


class _Prompt(Struct):
    """What a request says; `input` and `instructions` are those of the Responses API."""

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


def argument_text(value: Raw) -> str | None:
    """A tool's input as JSON text, where it is an object or JSON text itself."""
    value = unwrapped(value)
    return bytes(value).decode("utf-8") if bytes(value).startswith(b"{") else None


def read_prompt(value: Raw) -> tuple[tuple[Message, ...], Raw]:
    """The history that a model call was given, and the tools where they stand beside it.

    Raises `LossyExportError` where the turns were flattened into text.
    """
    value = unwrapped(value)
    start = bytes(value)[:1]
    if value == NULL:
        return (), NULL
    if start == b"[":
        return read_messages(value), NULL
    if bytes(value)[:2] in (b'"[', b'"{'):
        raise LossyExportError("a model call's messages break off; raise the exporter's limit of an attribute's length")
    if start != b"{":
        raise LossyExportError("a model call's prompt is one flattened text; export the messages of a chat model")
    prompt = decoded(value, _Prompt)
    head = prompt.system if prompt.system != NULL else prompt.instructions
    system = () if head == NULL else (Message(role=Role.SYSTEM, content=read_texts(head, role=Role.SYSTEM)),)
    return (*system, *_given(prompt)), prompt.tools


def _given(prompt: _Prompt) -> tuple[Message, ...]:
    if prompt.messages != NULL:
        return read_messages(prompt.messages)
    if bytes(prompt.previous_response_id)[:1] == b'"' or prompt.conversation != NULL:
        raise LossyExportError(
            "a model call's history is kept by the provider (previous_response_id); log the whole input"
        )
    if bytes(prompt.input).startswith(b"["):
        return read_messages(prompt.input)
    if bytes(prompt.input).startswith(b'"') and (prompt.model, prompt.instructions, prompt.tools) != (NULL,) * 3:
        return (Message(role=Role.USER, content=read_texts(prompt.input)),)
    raise LossyExportError("a model call's prompt has no messages; export the messages of a chat model")


def read_answer(value: Raw) -> tuple[Message, ...]:
    """What a model call said: one assistant turn, or none where the export has no output."""
    stated, value = value, unwrapped(value)
    if value == NULL or bytes(value) in (b"{}", b"[]"):
        return ()
    if bytes(stated).startswith(b'"') and not _is_answer(value):
        return (Message(role=Role.ASSISTANT, content=text_parts(msgspec.json.decode(stated, type=str))),)
    said = read_messages(_answered(value))
    if len(said) != 1 or said[0].role is not Role.ASSISTANT:
        raise UnsupportedError("a model call's output is not one assistant turn")
    return said


def _is_answer(value: Raw) -> bool:
    """Whether JSON out of a text is a model's message or a wrapper of it; a model may also answer in JSON."""
    if bytes(value).startswith(b"["):
        items = decoded(value, list[Raw])
        return bool(items) and all(bytes(item).startswith(b"{") and _is_answer(item) for item in items)
    return bytes(value).startswith(b"{") and decoded(value, _Answer) != _Answer()


def _answered(value: Raw) -> Raw:
    """The list of turns inside the wrappers of LangChain, OpenAI and agents."""
    if bytes(value).startswith(b"["):
        return value
    answer = decoded(value, _Answer)
    if answer.generations is not None:
        several = answer.generations
        while len(several) == 1 and bytes(several[0]).startswith(b"["):
            several = msgspec.json.decode(several[0], type=list[Raw])
        return _only(several)
    if answer.choices is not None:
        return _only(answer.choices)
    if answer.messages != NULL:
        return answer.messages
    for inner in (answer.message, answer.output):
        if inner != NULL:
            return inner if bytes(inner).startswith(b"[") else _listed(inner)
    return _listed(value)


def _only(several: Sequence[Raw]) -> Raw:
    if len(several) != 1:
        raise UnsupportedError("a model call has several answers (n > 1) or none")
    message = msgspec.json.decode(several[0], type=_Answer).message
    if message == NULL:
        raise LossyExportError("a model call's output is a completion of plain text, not of a chat model")
    return _listed(message)


def _listed(value: Raw) -> Raw:
    return Raw(b"[" + bytes(value) + b"]")
