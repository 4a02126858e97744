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
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.lines.openai_plain_line import (
    PlainCall,
    PlainFunction,
    PlainLineDecoder,
    PlainMessage,
    PlainRun,
)
from toolft_pipeline.ingest.parsing.inline_reasoning import may_contain_reasoning
from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.ingest.parsing.python_literals import is_python_repr
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import RefusedError, means_no_arguments, trajectory
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.trajectories.table import TRAJECTORY_SCHEMA, list_column, to_batch


class UnconvertedRun(Struct, frozen=True, kw_only=True, gc=False):
    """A run whose messages are as the line has them: `head` is its record without any. `unread` counts the keys that
    the line has besides."""

    head: Trajectory
    messages: list[PlainMessage]
    unread: dict[str, int] | None = None

    @property
    def trajectory_id(self) -> str:
        """The run's id."""
        return self.head.trajectory_id


_LINES = PlainLineDecoder()
_MESSAGES = TRAJECTORY_SCHEMA.get_field_index("messages")


def read_openai_row(line: bytes, *, agent: str, source: Source) -> UnconvertedRun | Trajectory | Rejection:
    """The run that one line records, or why it is none; a whole record only where the line is out of the ordinary."""
    try:
        run = _LINES.decode(line)
        functions = [call.function for message in run.messages for call in message.tool_calls or ()]
        unread = _unread(run, calls=bool(functions))
        if unread is not None and not any(map(_unusual, functions)) and not any(map(_to_look_at, run.messages)):
            called = {function.name for function in functions}
            head = trajectory(run, (), line=line, agent=agent, source=source, golden=False, called=called)
            return UnconvertedRun(head=head, messages=run.messages, unread=unread or None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RefusedError):
        pass  # the other reader says why
    return read_openai_line(line, agent=agent, source=source)


def table_batch(rows: Sequence[UnconvertedRun | Trajectory]) -> pa.RecordBatch:
    """Rows as one batch of `TRAJECTORY_SCHEMA`, in their order."""
    batches = [
        _batch(list(group)) if kind is UnconvertedRun else to_batch(list(group)) for kind, group in groupby(rows, type)
    ]
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _unread(run: PlainRun, *, calls: bool) -> dict[str, int] | None:
    """The keys beside the messages that say something and are not read, counted; None where one of them may be what
    the run lacks: its calls, or its answer."""
    last = run.messages[-1]
    whole = calls and last.role == "assistant" and not last.tool_calls
    counts: dict[str, int] = {}
    for key, value in _LINES.unread(run):
        raw = bytes(value)
        if not whole and raw[:1] in b'{["':
            return None
        if raw not in _NOTHING:
            name = f"run.{quotable_name(key).strip('`')}"
            counts[name] = counts.get(name, 0) + 1
    return counts


_NOTHING = frozenset({b"null", b"false", b'""', b"[]", b"{}"})


def _unusual(function: PlainFunction) -> bool:
    """Whether arguments are not to be kept as they are: nested too deep, or standing for none."""
    text = function.arguments
    return (len(text) > MAX_NESTING and is_too_deep(text.encode())) or means_no_arguments(text)


def _to_look_at(message: PlainMessage) -> bool:
    text = message.content if message.role == "assistant" else None
    return text is not None and (may_contain_reasoning(text) or is_python_repr(text))


def _batch(runs: list[Any]) -> pa.RecordBatch:
    field = TRAJECTORY_SCHEMA.field(_MESSAGES)
    messages = list_column(_all("messages", runs), field.type, _messages)
    return to_batch(_all("head", runs)).set_column(_MESSAGES, field, messages)


def _messages(messages: list[PlainMessage], kind: pa.StructType) -> pa.StructArray:
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


def _reasoning(messages: list[PlainMessage], kind: pa.DataType) -> pa.Array:
    first, second = _all("reasoning", messages), _all("reasoning_content", messages)
    return pa.array([one or other for one, other in zip(first, second, strict=True)], kind)


def _calls(calls: list[PlainCall], kind: pa.StructType) -> pa.StructArray:
    functions = _all("function", calls)
    arrays = {
        "id": pc.fill_null(pa.array(_all("id", calls), pa.string()), ""),
        "name": pa.array(_all("name", functions), pa.string()),
        "arguments_json": pa.array(_all("arguments", functions), pa.string()),
    }
    return pa.StructArray.from_arrays([arrays[field.name] for field in kind], fields=list(kind))


def _all(name: str, rows: Sequence[Any]) -> list[Any]:
    return list(map(attrgetter(name), rows))
