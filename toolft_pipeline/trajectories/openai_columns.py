"""The usual line of an OpenAI chat log, decoded once and written a column at a time, without a record for each message.

Invariant: a batch of such lines equals `to_batch` of the records that `read_openai_line` makes of them. What this
decoder does not take - parts, arguments that are no string, an answer that may hold reasoning, a key that it does not
know, a line that is broken in any way - goes to that reader, which alone says what is wrong with a line. A run that
this decoder takes has no unread key.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Raw, Struct

from toolft_pipeline.trajectories.inline_reasoning import may_reason
from toolft_pipeline.trajectories.nesting import MAX_NESTING, too_deep
from toolft_pipeline.trajectories.openai_chat import read_openai_line
from toolft_pipeline.trajectories.printed_objects import is_printed
from toolft_pipeline.trajectories.reading import NULL, Envelope, RefusedError, says_no_arguments, trajectory
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.trajectories.rejects import Rejection
from toolft_pipeline.trajectories.table import TRAJECTORY_SCHEMA, list_column, to_batch


class _Function(Struct, gc=False, forbid_unknown_fields=True):
    name: str
    arguments: str


class _Call(Struct, gc=False, forbid_unknown_fields=True):
    function: _Function
    id: str | None = None
    type: Literal["function"] | None = None
    index: int | None = None


class _Message(Struct, gc=False, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: None = None
    function_call: None = None
    audio: None = None
    id: Raw = NULL
    annotations: Raw = NULL
    weight: Raw = NULL
    timestamp: Raw = NULL
    created_at: Raw = NULL


class _Run(Envelope, kw_only=True, gc=False, forbid_unknown_fields=True):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    model: Raw = NULL
    created: Raw = NULL
    object: Raw = NULL
    metadata: Raw = NULL
    tags: Raw = NULL
    timestamp: Raw = NULL
    session_id: Raw = NULL
    conversation_id: Raw = NULL
    user_id: Raw = NULL
    user: Raw = NULL
    temperature: Raw = NULL
    top_p: Raw = NULL
    max_tokens: Raw = NULL
    max_completion_tokens: Raw = NULL
    parallel_tool_calls: Raw = NULL
    tool_choice: Raw = NULL
    response_format: Raw = NULL
    stream: Raw = NULL
    seed: Raw = NULL


class LoggedRun(Struct, frozen=True, kw_only=True, gc=False):
    """A run whose messages are as the line has them: `head` is its record without any."""

    head: Trajectory
    messages: list[_Message]

    @property
    def trajectory_id(self) -> str:
        """The run's id."""
        return self.head.trajectory_id


_DECODER = msgspec.json.Decoder(_Run)
_MESSAGES = TRAJECTORY_SCHEMA.get_field_index("messages")


def read_logged_run(line: bytes, *, agent: str, source: Source) -> LoggedRun | Trajectory | Rejection:
    """The run that one line records, or why it is none; a whole record only where the line is out of the ordinary."""
    try:
        run = _DECODER.decode(line)
        functions = [call.function for message in run.messages for call in message.tool_calls or ()]
        if not any(map(_unusual, functions)) and not any(map(_to_look_at, run.messages)):
            called = {function.name for function in functions}
            head = trajectory(run, (), line=line, agent=agent, source=source, golden=False, called=called)
            return LoggedRun(head=head, messages=run.messages)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RefusedError):
        pass  # the other reader says why
    return read_openai_line(line, agent=agent, source=source)


def logged_batch(rows: Sequence[LoggedRun | Trajectory]) -> pa.RecordBatch:
    """Rows as one batch of `TRAJECTORY_SCHEMA`, in their order."""
    batches = [
        _batch(list(group)) if kind is LoggedRun else to_batch(list(group)) for kind, group in groupby(rows, type)
    ]
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _unusual(function: _Function) -> bool:
    """Whether arguments are not to be kept as they are: nested too deep, or standing for none."""
    text = function.arguments
    return (len(text) > MAX_NESTING and too_deep(text.encode())) or says_no_arguments(text)


def _to_look_at(message: _Message) -> bool:
    text = message.content if message.role == "assistant" else None
    return text is not None and (may_reason(text) or is_printed(text))


def _batch(runs: list[Any]) -> pa.RecordBatch:
    field = TRAJECTORY_SCHEMA.field(_MESSAGES)
    messages = list_column(_all("messages", runs), field.type, _messages)
    return to_batch(_all("head", runs)).set_column(_MESSAGES, field, messages)


def _messages(messages: list[_Message], kind: pa.StructType) -> pa.StructArray:
    fields = {field.name: field.type for field in kind}
    calls = [calls or () for calls in _all("tool_calls", messages)]
    arrays = {
        "role": pa.array(_all("role", messages), fields["role"]),
        "content": _content(_all("content", messages), fields["content"]),
        "reasoning": _reasoning(messages, fields["reasoning"]),
        "tool_calls": list_column(calls, fields["tool_calls"], _calls),
        "tool_call_id": pa.array(_all("tool_call_id", messages), fields["tool_call_id"]),
        "name": pa.array(_all("name", messages), fields["name"]),
    }
    return pa.StructArray.from_arrays([arrays[name] for name in fields], fields=list(kind))


def _content(texts: list[str | None], kind: pa.ListType) -> pa.ListArray:
    """One text part for each text, none for an empty one."""
    every = pa.array(texts, pa.string())
    said = pc.fill_null(pc.not_equal(every, ""), False)
    text = every.filter(said)
    nothing = pa.nulls(len(text), pa.string())
    arrays = {"type": pa.repeat("text", len(text)), "text": text}
    parts = pa.StructArray.from_arrays(
        [arrays.get(field.name, nothing) for field in kind.value_type], fields=list(kind.value_type)
    )
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum(said.to_numpy(zero_copy_only=False), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), parts, type=kind)


def _reasoning(messages: list[_Message], kind: pa.DataType) -> pa.Array:
    first, second = _all("reasoning", messages), _all("reasoning_content", messages)
    return pa.array([one or other for one, other in zip(first, second, strict=True)], kind)


def _calls(calls: list[_Call], kind: pa.StructType) -> pa.StructArray:
    functions = _all("function", calls)
    arrays = {
        "id": pc.fill_null(pa.array(_all("id", calls), pa.string()), ""),
        "name": pa.array(_all("name", functions), pa.string()),
        "arguments_json": pa.array(_all("arguments", functions), pa.string()),
    }
    return pa.StructArray.from_arrays([arrays[field.name] for field in kind], fields=list(kind))


def _all(name: str, rows: Sequence[Any]) -> list[Any]:
    return list(map(attrgetter(name), rows))
