"""One span of a trace, whatever tracer wrote it: what a field map makes of an exported line.

Invariant: a span says only what its export said. Messages are read into the record's own shape, arguments stay JSON
text, and what describes the whole run (task, states, outcome) waits as raw metadata until the run is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.reading import NULL
from toolft_pipeline.trajectories.record import Count, Message, OutcomeStatus, Part


class SpanKind(StrEnum):
    """What a span stands for; everything that is neither a model call nor a tool call is `other`."""

    GENERATION = "generation"
    TOOL = "tool"
    OTHER = "other"


class SideCallFilter(Struct, frozen=True, kw_only=True):
    """Which model calls stand beside the agent's own and are left out: those that write titles or tags, or guard an
    answer. `patterns` are those of file names, case ignored, for the name or the model of a call."""

    patterns: tuple[str, ...] = ()

    def kind(self, kind: SpanKind, *names: str | None) -> SpanKind:
        """A span's kind, given its name and its model: a model call that is left out counts as any other span."""
        left_out = kind is SpanKind.GENERATION and any(
            fnmatchcase(name.casefold(), pattern.casefold()) for pattern in self.patterns for name in names if name
        )
        return SpanKind.OTHER if left_out else kind


KEEP_ALL_CALLS = SideCallFilter()


class ModelCall(Struct, frozen=True, kw_only=True):
    """One call of the model: what it was given, what it said, the tools it was offered, what that took."""

    history: tuple[Message, ...] = ()
    answer: tuple[Message, ...] = ()
    tools: Raw = NULL
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class ToolRun(Struct, frozen=True, kw_only=True):
    """One run of a tool: the call that it answers, by id or by name and arguments, and the result as text."""

    name: str
    call_id: str | None = None
    arguments_json: str | None = None
    result: tuple[Part, ...] | None = None


class OutcomeScore(Struct, frozen=True, kw_only=True):
    """What somebody said of a whole run: the name of the feedback, and success or failure."""

    name: str
    status: OutcomeStatus


class TraceSpan(Struct, frozen=True, kw_only=True):
    """One span. `order` sorts a trace's spans where the export has such a key; times are nanoseconds since 1970.

    `generation` belongs to spans of that kind and `tool` to tool spans. `failed` is the span's own error status.
    `parent_elsewhere` says whether the parent belongs to another service, None where the export does not say;
    `children` are those that the export names, in formats where parents name children.
    """

    span_id: str
    name: str = ""
    kind: SpanKind = SpanKind.OTHER
    parent_id: str | None = None
    parent_elsewhere: bool | None = None
    children: tuple[str, ...] = ()
    order: str = ""
    started_ns: int | None = None
    ended_ns: int | None = None
    failed: bool = False
    generation: ModelCall | None = None
    tool: ToolRun | None = None
    scores: tuple[OutcomeScore, ...] = ()
    metadata: Mapping[str, Raw] = {}


class SpanBytes(Struct, frozen=True, kw_only=True):
    """The bytes of one span as they stand on a line, and the trace that they belong to."""

    trace_id: str
    data: bytes


class SpanFormat(Protocol):
    """How an export stands in its file: a line is cut into pieces cheaply, a piece is read when its trace is joined.

    Both raise what `guarded` turns into a rejection.
    """

    def pieces(self, line: bytes) -> list[SpanBytes]:
        """The spans of one line, at least one."""
        ...

    def span(self, data: bytes, *, side: SideCallFilter) -> TraceSpan:
        """What one piece says; model calls that `side` leaves out are not read."""
        ...


SCORE_NAMES = ("outcome", "success", "task_success", "correctness")
"""Feedback that says how a run ended. Any other name (tone, length, latency) says nothing of success."""

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


def scores(given: Iterable[tuple[str, Raw]]) -> tuple[OutcomeScore, ...]:
    """The scores that say success or failure outright: a mean of 0.7 over two people says neither."""
    told = [(name, _STATUS.get(bytes(value).lower())) for name, value in given if name in SCORE_NAMES]
    return tuple(OutcomeScore(name=name, status=status) for name, status in told if status is not None)


def nanoseconds(text: str | None) -> int | None:
    """ISO 8601 as nanoseconds since 1970; a time without zone is UTC. Raises `msgspec.ValidationError`."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise msgspec.ValidationError("Expected ISO 8601 in a span's start or end time") from None
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def iso(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    try:
        return (_EPOCH + timedelta(microseconds=nanoseconds // 1_000)).isoformat()
    except OverflowError:
        raise msgspec.ValidationError("Expected a time before the year 10000 in a span's start time") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
