"""Read the runs of span files: join each trace as soon as its last line was read.

Invariant: every line and every span counts with exactly one run or rejection. The files are read twice: first for the
last line of each trace (a hash of 16 bytes and a number in memory for each), then for the runs. Memory holds the spans
of the traces that are open at the same time, at most `MAX_HELD_BYTES`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from toolft_pipeline.ingest.log_file import LogEntry, LogFile, ReadCounts
from toolft_pipeline.ingest.parsing.json_constants import replace_constants
from toolft_pipeline.ingest.parsing.log_lines import LogLine
from toolft_pipeline.ingest.parsing.nested_json import NestedTooDeepError, is_too_deep
from toolft_pipeline.ingest.parsing.reading import read_or_reject
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.spans.span import KEEP_ALL_CALLS, SideCallFilter, SpanBytes, SpanFormat, TraceSpan
from toolft_pipeline.ingest.spans.span_join import CompletenessRules, join_trace
from toolft_pipeline.ingest.unsupported_formats import explain_unsupported_format
from toolft_pipeline.trajectories.record import Source, Trajectory

MAX_HELD_BYTES = 128 << 20
"""Spans of all open traces: about 1,000 parallel runs of 20 model calls."""

MAX_TRACE_BYTES = 32 << 20
"""Spans of one trace: decoded into messages they take about ten times as much."""

_SPAN_BYTES = 100
"""Memory of a span in addition to its text."""

_Result = TypeVar("_Result")


class _OpenTrace(Struct, kw_only=True):
    """A trace whose last line was not read yet, with the place of its first line.

    `pieces` is None for a trace that was given up; `spans` still counts then.
    """

    trace_id: str
    path: Path
    line: LogLine
    hmac: str
    lines: int = 0
    spans: int = 0
    held: int = 0
    pieces: list[bytes] | None = []


class SpanFiles:
    """Files of one span format, in reading order.

    Raises `LogError` if one cannot be read.
    """

    def __init__(
        self,
        files: Sequence[LogFile],
        *,
        format_: SpanFormat,
        agent: str,
        completeness: CompletenessRules,
        side_calls: SideCallFilter = KEEP_ALL_CALLS,
    ) -> None:
        self._files, self._format = files, format_
        self._agent, self._completeness = agent, completeness
        self._read_span = partial(format_.read, side_calls=side_calls)
        self._open: dict[bytes, _OpenTrace] = {}
        self._held = 0

    def runs(self, counts: ReadCounts, *, golden: bool) -> Iterator[LogEntry[Trajectory]]:
        """Stream the entries of the files, each trace at its last line.

        `counts` adds up what was read.
        """
        last = self._last_lines()
        for place, file, line in self._lines():
            if line.blank:
                yield LogEntry(file.path, line, None)
                continue
            counts.lines += 1
            pieces = self._split(line)
            if isinstance(pieces, Rejection):
                yield LogEntry(file.path, line, pieces)
                continue
            counts.spans += len(pieces)
            for trace in self._add(file, line, pieces):
                if last.get(trace, 0) <= place:
                    yield from self._join(trace, golden=golden)
            self._limit_memory()
        for trace in list(self._open):
            yield from self._join(trace, golden=golden)

    def _lines(self) -> Iterator[tuple[int, LogFile, LogLine]]:
        """Stream the lines of all files, numbered across files."""
        lines = ((file, line) for file in self._files for line in file.lines())
        return ((place, file, line) for place, (file, line) in enumerate(lines, start=1))

    def _last_lines(self) -> dict[bytes, int]:
        """Number of the last line of each trace."""
        last: dict[bytes, int] = {}
        for place, _, line in self._lines():
            pieces = [] if line.blank else self._split(line)
            if not isinstance(pieces, Rejection):
                last.update((_key(piece.trace_id), place) for piece in pieces)
        return last

    def _split(self, line: LogLine) -> list[SpanBytes] | Rejection:
        """Cut a line into the bytes of its spans."""
        if line.rejection is not None:
            return line.rejection
        pieces = _read_shallow(line.data, self._format.split)
        if isinstance(pieces, Rejection) and pieces.reason is RejectReason.MALFORMED_JSON:
            without = replace_constants(line.data)
            pieces = pieces if without is None else _read_shallow(without, self._format.split)
        return explain_unsupported_format(pieces, line.data) if isinstance(pieces, Rejection) else pieces

    def _add(self, file: LogFile, line: LogLine, pieces: list[SpanBytes]) -> list[bytes]:
        """Add the spans of a line to their traces; return these traces, each once."""
        hmac = line.hmac_by(file.key)
        empty = LogLine(number=line.number, offset=line.offset, data=b"")
        traces: dict[bytes, None] = {}
        for first, piece in zip((True, *[False] * (len(pieces) - 1)), pieces, strict=True):
            trace = _key(piece.trace_id)
            traces[trace] = None
            one = self._open.get(trace)
            if one is None:
                one = self._open[trace] = _OpenTrace(trace_id=piece.trace_id, path=file.path, line=empty, hmac=hmac)
            one.lines += first
            one.spans += 1
            if one.pieces is not None:
                one.pieces.append(piece.data)
                one.held += len(piece.data) + _SPAN_BYTES
                self._held += len(piece.data) + _SPAN_BYTES
            if one.held > MAX_TRACE_BYTES:
                self._give_up(one)
        return list(traces)

    def _limit_memory(self) -> None:
        """Give up the largest open traces if all together are too large.

        Stops at half of the limit.
        """
        if self._held <= MAX_HELD_BYTES:
            return
        for one in sorted(self._open.values(), key=lambda one: one.held, reverse=True):
            self._give_up(one)
            if self._held <= MAX_HELD_BYTES // 2:
                return

    def _give_up(self, one: _OpenTrace) -> None:
        self._held -= one.held
        one.held, one.pieces = 0, None

    def _join(self, trace: bytes, *, golden: bool) -> Iterator[LogEntry[Trajectory]]:
        """Close a trace and yield its runs and rejections."""
        one = self._open.pop(trace)
        self._held -= one.held
        lines, spans = one.lines, self._spans(one)
        if isinstance(spans, Rejection):
            yield LogEntry(one.path, one.line, spans, lines=lines, spans=one.spans, hmac=one.hmac)
            return
        source = Source(file=one.path.name, line=one.line.number, offset=one.line.offset, format=self._format.name)
        repeated = one.spans - len(spans)
        for joined in join_trace(
            spans,
            trace_id=one.trace_id,
            agent=self._agent,
            source=source,
            golden=golden,
            completeness=self._completeness,
        ):
            yield LogEntry(one.path, one.line, joined.run, lines=lines, spans=joined.spans + repeated, hmac=one.hmac)
            lines = repeated = 0

    def _spans(self, one: _OpenTrace) -> list[TraceSpan] | Rejection:
        """Read the spans of a trace, or return the rejection of the first bad one.

        A span that was delivered twice counts once, as it came last.
        """
        if one.pieces is None:
            detail = "the trace is too large, or its spans are too far apart; sort the export by trace and time"
            return Rejection(reason=RejectReason.SPANS_TOO_FAR_APART, detail=detail)
        spans: dict[str, TraceSpan] = {}
        for data in one.pieces:
            span = _read_shallow(data, self._read_span)
            if isinstance(span, Rejection):
                return span
            spans[span.span_id] = span
        return list(spans.values())


def _key(trace_id: str) -> bytes:
    return hashlib.blake2b(trace_id.encode(), digest_size=16).digest()


def _read_shallow(data: bytes, read: Callable[[bytes], _Result]) -> _Result | Rejection:
    """Read JSON that is not nested too deep; readers parse parts of it again."""

    def read_checked() -> _Result:
        if is_too_deep(data):
            raise NestedTooDeepError
        return read(data)

    return read_or_reject(read_checked, line=data)
