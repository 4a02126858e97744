"""A span of a trace, and the declaration of a span format.

Invariant: a span holds only what its export contains. Messages have the record's shape, arguments stay JSON text. Data
about the whole run (task, states, outcome) stays raw metadata until the trace is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.log_format import LogFormat
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.trajectories.record import Count, Message, OutcomeStatus, Part


class SpanKind(StrEnum):
    """The kind of a span; `other` is everything but model calls and tool runs."""

    MODEL_CALL = "generation"
    TOOL = "tool"
    OTHER = "other"


class SideCallFilter(Struct, frozen=True, kw_only=True):
    """Model calls to leave out because they are not the agent's turns.

    `patterns` are shell patterns for the name or the model of a call, case ignored.
    """

    patterns: tuple[str, ...] = ()

    def grounded_kind(self, kind: SpanKind, *names: str | None) -> SpanKind:
        """Return the kind of a span with this name and model.

        A model call that is left out becomes `other`.
        """
        left_out = kind is SpanKind.MODEL_CALL and any(
            fnmatchcase(name.casefold(), pattern.casefold()) for pattern in self.patterns for name in names if name
        )
        return SpanKind.OTHER if left_out else kind


KEEP_ALL_CALLS = SideCallFilter()


class ModelCall(Struct, frozen=True, kw_only=True):
    """One call of the model: its history, its answer, the offered tools, its tokens."""

    history: tuple[Message, ...] = ()
    answer: tuple[Message, ...] = ()
    tools: Raw = NULL
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class ToolRun(Struct, frozen=True, kw_only=True):
    """One run of a tool: the call that it answers, and its result.

    The call is known by its id, or by name and arguments.
    """

    name: str
    call_id: str | None = None
    arguments_json: str | None = None
    result: tuple[Part, ...] | None = None


class OutcomeScore(Struct, frozen=True, kw_only=True):
    """Feedback on a whole run: its name, and success or failure."""

    name: str
    status: OutcomeStatus


class TraceSpan(Struct, frozen=True, kw_only=True):
    """One span; times are nanoseconds since 1970.

    `order` sorts the spans of a trace if the export has such a key. `model_call` is set for spans of that kind, `tool`
    for tool spans. `failed` is the error status of the span itself. `parent_is_remote` says whether the parent belongs
    to another service, None if the export does not say. `children` are the ids that the span names as its children, in
    formats that do so.
    """

    span_id: str
    name: str = ""
    kind: SpanKind = SpanKind.OTHER
    parent_id: str | None = None
    parent_is_remote: bool | None = None
    children: tuple[str, ...] = ()
    order: str = ""
    started_ns: int | None = None
    ended_ns: int | None = None
    failed: bool = False
    model_call: ModelCall | None = None
    tool: ToolRun | None = None
    scores: tuple[OutcomeScore, ...] = ()
    metadata: Mapping[str, Raw] = {}


class SpanBytes(Struct, frozen=True, kw_only=True):
    """The bytes of one span on a line, and the id of its trace."""

    trace_id: str
    data: bytes


class SpanReader(Protocol):
    """Reads the bytes of one span.

    Model calls that `side_calls` leaves out are not read.
    """

    def __call__(self, data: bytes, *, side_calls: SideCallFilter) -> TraceSpan: ...


@dataclass(frozen=True, kw_only=True)
class SpanFormat(LogFormat):
    """A format with spans that are joined by trace.

    `split` cuts a line into the bytes of its spans, at least one, and must be cheap; `read` reads a span when its trace
    is joined. Both raise what `read_or_reject` turns into a rejection.
    """

    split: Callable[[bytes], list[SpanBytes]]
    read: SpanReader


SCORE_NAMES = ("outcome", "success", "task_success", "correctness")
"""Names of feedback about success. Any other name (tone, length, latency) says nothing about it."""

_STATUS = {
    b"true": OutcomeStatus.SUCCESS,
    b"1": OutcomeStatus.SUCCESS,
    b"1.0": OutcomeStatus.SUCCESS,
    b'"success"': OutcomeStatus.SUCCESS,
    b'"yes"': OutcomeStatus.SUCCESS,
    b"false": OutcomeStatus.FAILURE,
    b"0": OutcomeStatus.FAILURE,
    b"0.0": OutcomeStatus.FAILURE,
    b'"failure"': OutcomeStatus.FAILURE,
    b'"no"': OutcomeStatus.FAILURE,
}


def outcome_scores(given: Iterable[tuple[str, Raw]]) -> tuple[OutcomeScore, ...]:
    """Return the scores that mean success or failure.

    A mean of 0.7 over two people means neither.
    """
    known = [(name, _STATUS.get(bytes(value).lower())) for name, value in given if name in SCORE_NAMES]
    return tuple(OutcomeScore(name=name, status=status) for name, status in known if status is not None)


def parse_time_ns(text: str | None) -> int | None:
    """Parse ISO 8601 into nanoseconds since 1970; a time without a zone is UTC.

    Raises `msgspec.ValidationError`.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise msgspec.ValidationError("Expected ISO 8601 in a span's start or end time") from None
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def format_time_ns(nanoseconds: int) -> str:
    """Format nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    try:
        return (_EPOCH + timedelta(microseconds=nanoseconds // 1_000)).isoformat()
    except OverflowError:
        raise msgspec.ValidationError("Expected a time before the year 10000 in a span's start time") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
