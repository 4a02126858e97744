"""The OpenAI format, with a fast path from plain lines to table columns.

Invariant: a batch of the fast path equals `to_batch` of the records of `read_openai_line`. Lines that the fast path
does not support (parts, arguments that are not a string, an answer that may hold reasoning, an unknown key, any error)
go to `read_openai_line`, which alone explains rejections.
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

from toolft_pipeline.ingest.lines import openai_chat
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.lines.openai_plain_line import (
    PlainCall,
    PlainFunction,
    PlainLineDecoder,
    PlainMessage,
    PlainRun,
)
from toolft_pipeline.ingest.parsing.inline_reasoning import may_contain_reasoning
from toolft_pipeline.ingest.parsing.log_format import LineFormat
from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.ingest.parsing.python_reprs import is_python_repr
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import build_trajectory, means_no_arguments
from toolft_pipeline.ingest.parsing.rejects import RefusedError, Rejection
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.trajectories.table import TRAJECTORY_SCHEMA, list_column, to_batch


class UnconvertedRun(Struct, frozen=True, kw_only=True, gc=False):
    """A run whose messages are not converted yet.

    `head` is its record without messages.
    """

    head: Trajectory
    messages: list[PlainMessage]
    keys_not_read: dict[str, int] | None = None

    @property
    def trajectory_id(self) -> str:
        """Id of the run."""
        return self.head.trajectory_id


_LINES = PlainLineDecoder()
_MESSAGES = TRAJECTORY_SCHEMA.get_field_index("messages")


def read_openai_row(line: bytes, *, agent: str, source: Source) -> UnconvertedRun | Trajectory | Rejection:
    """Read the run of one line, or the reason of its rejection.

    A whole record only if the line is not plain.
    """
    try:
        run = _LINES.decode(line)
        functions = [call.function for message in run.messages for call in message.tool_calls or ()]
        keys_not_read = _keys_not_read(run, calls=bool(functions))
        is_plain = keys_not_read is not None and not any(map(_needs_reader, functions))
        if is_plain and not any(map(_may_need_cleaning, run.messages)):
            called = {function.name for function in functions}
            head = build_trajectory(run, (), line=line, agent=agent, source=source, golden=False, called=called)
            return UnconvertedRun(head=head, messages=run.messages, keys_not_read=keys_not_read or None)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RefusedError):
        pass  # `read_openai_line` explains the error
    return read_openai_line(line, agent=agent, source=source)


def table_batch(rows: Sequence[UnconvertedRun | Trajectory]) -> pa.RecordBatch:
    """Convert rows to one batch of `TRAJECTORY_SCHEMA`, in their order."""
    batches = [
        _batch(list(group)) if kind is UnconvertedRun else to_batch(list(group)) for kind, group in groupby(rows, type)
    ]
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _keys_not_read(run: PlainRun, *, calls: bool) -> dict[str, int] | None:
    """Count the keys next to the messages that are not read and not empty.

    None if one of them may hold what the run lacks: its calls, or its answer.
    """
    last = run.messages[-1]
    is_complete = calls and last.role == "assistant" and not last.tool_calls
    counts: dict[str, int] = {}
    for key, value in _LINES.keys_not_read(run):
        raw = bytes(value)
        if not is_complete and raw[:1] in b'{["':
            return None
        if raw not in _EMPTY:
            name = f"run.{quotable_name(key).strip('`')}"
            counts[name] = counts.get(name, 0) + 1
    return counts


_EMPTY = frozenset({b"null", b"false", b'""', b"[]", b"{}"})


def _needs_reader(function: PlainFunction) -> bool:
    """Whether arguments are nested too deep, or a text that means none."""
    text = function.arguments
    return (len(text) > MAX_NESTING and is_too_deep(text.encode())) or means_no_arguments(text)


def _may_need_cleaning(message: PlainMessage) -> bool:
    if message.weight is not None and message.train is not None:  # the two may contradict each other
        return True
    text = message.content if message.role == "assistant" else None
    return text is not None and (may_contain_reasoning(text) or is_python_repr(text))


def _batch(runs: list[Any]) -> pa.RecordBatch:
    field = TRAJECTORY_SCHEMA.field(_MESSAGES)
    messages = list_column(_column("messages", runs), field.type, _messages)
    return to_batch(_column("head", runs)).set_column(_MESSAGES, field, messages)


def _messages(messages: list[PlainMessage], kind: pa.StructType) -> pa.StructArray:
    fields = {field.name: field.type for field in kind}
    calls = [calls or () for calls in _column("tool_calls", messages)]
    arrays = {
        "role": pa.array(_column("role", messages), fields["role"]),
        "content": _content(_column("content", messages), fields["content"]),
        "reasoning": _reasoning(messages, fields["reasoning"]),
        "tool_calls": list_column(calls, fields["tool_calls"], _calls),
        "tool_call_id": pa.array(_column("tool_call_id", messages), fields["tool_call_id"]),
        "name": pa.array(_column("name", messages), fields["name"]),
        "train": pa.array([not message.is_context for message in messages], fields["train"]),
    }
    return pa.StructArray.from_arrays([arrays[name] for name in fields], fields=list(kind))


def _content(texts: list[str | None], kind: pa.ListType) -> pa.ListArray:
    """Return one text part for each text, none for an empty one."""
    every = pa.array(texts, pa.string())
    not_empty = pc.fill_null(pc.not_equal(every, ""), False)
    text = every.filter(not_empty)
    nothing = pa.nulls(len(text), pa.string())
    arrays = {"type": pa.repeat("text", len(text)), "text": text}
    parts = pa.StructArray.from_arrays(
        [arrays.get(field.name, nothing) for field in kind.value_type], fields=list(kind.value_type)
    )
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum(not_empty.to_numpy(zero_copy_only=False), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), parts, type=kind)


def _reasoning(messages: list[PlainMessage], kind: pa.DataType) -> pa.Array:
    first, second = _column("reasoning", messages), _column("reasoning_content", messages)
    return pa.array([one or other for one, other in zip(first, second, strict=True)], kind)


def _calls(calls: list[PlainCall], kind: pa.StructType) -> pa.StructArray:
    functions = _column("function", calls)
    arrays = {
        "id": pc.fill_null(pa.array(_column("id", calls), pa.string()), ""),
        "name": pa.array(_column("name", functions), pa.string()),
        "arguments_json": pa.array(_column("arguments", functions), pa.string()),
    }
    return pa.StructArray.from_arrays([arrays[field.name] for field in kind], fields=list(kind))


def _column(name: str, rows: Sequence[Any]) -> list[Any]:
    return list(map(attrgetter(name), rows))


OPENAI = LineFormat(
    name="openai",
    description="OpenAI chat `messages`",
    recognizes=openai_chat.recognizes,
    read=read_openai_line,
    keys=openai_chat.KEYS,
    read_for_table=read_openai_row,
)
