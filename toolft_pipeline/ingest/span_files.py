"""The runs of files of spans, read as one: a trace is joined as soon as its last line was read.

Invariant: every line and every span is accounted for by exactly one run or rejection. The files are read twice: first
for the last line of each trace (16 bytes of hash and a number in memory for each), then for the runs. In memory are the
spans of the traces that are open at one place, and never more than `MAX_HELD_BYTES` of them.
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
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.reading import NestedTooDeepError, guarded
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason, hmac_key
from toolft_pipeline.ingest.spans.span import KEEP_ALL_CALLS, SideCallFilter, SpanBytes, SpanFormat, TraceSpan
from toolft_pipeline.ingest.spans.span_join import CompletenessRules, join
from toolft_pipeline.ingest.unsupported_formats import named
from toolft_pipeline.trajectories.record import Source, Trajectory

MAX_HELD_BYTES = 128 << 20
"""Spans of open traces: about 1,000 runs of 20 model calls side by side."""

MAX_TRACE_BYTES = 32 << 20
"""One trace: read into messages it takes about ten times as much."""

_SPAN_BYTES = 100
"""What holding a span costs beside its text."""


_Made = TypeVar("_Made")


class _Open(Struct, kw_only=True):
    """A trace whose last line was not read yet, and where its first stands. `spans` counts on where `pieces` were given
    up.
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
    """Files of one span format, in the order in which they are read. Raises `LogError` where one cannot be read."""

    def __init__(
        self,
        files: Sequence[LogFile],
        *,
        name: str,
        format_: SpanFormat,
        agent: str,
        borders: CompletenessRules,
        side: SideCallFilter = KEEP_ALL_CALLS,
    ) -> None:
        self._files, self._name, self._format = files, name, format_
        self._agent, self._borders = agent, borders
        self._read_span = partial(format_.span, side=side)
        self._open: dict[bytes, _Open] = {}
        self._held = 0

    def runs(self, account: ReadCounts, *, golden: bool) -> Iterator[LogEntry[Trajectory]]:
        """What the files hold, each trace where its last line stands; `account` counts what was read."""
        last = self._last_lines()
        key = hmac_key()
        for place, path, line in self._lines():
            if line.blank:
                yield LogEntry(path, line, None)
                continue
            account.lines += 1
            pieces = self._pieces(line)
            if isinstance(pieces, Rejection):
                yield LogEntry(path, line, pieces)
                continue
            account.spans += len(pieces)
            for trace in self._take(path, line, pieces, key=key):
                if last.get(trace, 0) <= place:
                    yield from self._close(trace, golden=golden)
            self._shed()
        for trace in list(self._open):
            yield from self._close(trace, golden=golden)

    def _lines(self) -> Iterator[tuple[int, Path, LogLine]]:
        """The lines of all files, counted on from one file to the next."""
        lines = ((file.path, line) for file in self._files for line in file.lines())
        return ((place, path, line) for place, (path, line) in enumerate(lines, start=1))

    def _last_lines(self) -> dict[bytes, int]:
        last: dict[bytes, int] = {}
        for place, _, line in self._lines():
            pieces = [] if line.blank else self._pieces(line)
            if not isinstance(pieces, Rejection):
                last.update((_key(piece.trace_id), place) for piece in pieces)
        return last

    def _pieces(self, line: LogLine) -> list[SpanBytes] | Rejection:
        if line.rejection is not None:
            return line.rejection
        pieces = _read(line.data, self._format.pieces)
        if isinstance(pieces, Rejection) and pieces.reason is RejectReason.MALFORMED_JSON:
            plain = replace_constants(line.data)
            pieces = pieces if plain is None else _read(plain, self._format.pieces)
        return named(pieces, line.data) if isinstance(pieces, Rejection) else pieces

    def _take(self, path: Path, line: LogLine, pieces: list[SpanBytes], *, key: bytes) -> list[bytes]:
        """Put the pieces of a line to their traces; the traces, each once."""
        hmac = line.hmac_by(key)
        empty = LogLine(number=line.number, offset=line.offset, data=b"")
        taken: dict[bytes, None] = {}
        for first, piece in zip((True, *[False] * (len(pieces) - 1)), pieces, strict=True):
            trace = _key(piece.trace_id)
            taken[trace] = None
            one = self._open.get(trace)
            if one is None:
                one = self._open[trace] = _Open(trace_id=piece.trace_id, path=path, line=empty, hmac=hmac)
            one.lines += first
            one.spans += 1
            if one.pieces is not None:
                one.pieces.append(piece.data)
                one.held += len(piece.data) + _SPAN_BYTES
                self._held += len(piece.data) + _SPAN_BYTES
            if one.held > MAX_TRACE_BYTES:
                self._give_up(one)
        return list(taken)

    def _shed(self) -> None:
        """Give up the largest open traces where all together are too large, down to half of what may be held."""
        if self._held <= MAX_HELD_BYTES:
            return
        for one in sorted(self._open.values(), key=lambda one: one.held, reverse=True):
            self._give_up(one)
            if self._held <= MAX_HELD_BYTES // 2:
                return

    def _give_up(self, one: _Open) -> None:
        self._held -= one.held
        one.held, one.pieces = 0, None

    def _close(self, trace: bytes, *, golden: bool) -> Iterator[LogEntry[Trajectory]]:
        one = self._open.pop(trace)
        self._held -= one.held
        lines, found = one.lines, self._spans(one)
        if isinstance(found, Rejection):
            yield LogEntry(one.path, one.line, found, lines=lines, spans=one.spans, hmac=one.hmac)
            return
        source = Source(file=one.path.name, line=one.line.number, offset=one.line.offset, format=self._name)
        repeated = one.spans - len(found)
        for joined in join(
            found,
            trace_id=one.trace_id,
            agent=self._agent,
            source=source,
            golden=golden,
            borders=self._borders,
        ):
            yield LogEntry(one.path, one.line, joined.run, lines=lines, spans=joined.spans + repeated, hmac=one.hmac)
            lines = repeated = 0

    def _spans(self, one: _Open) -> list[TraceSpan] | Rejection:
        """The trace's spans, or why one of them cannot be read: a run with a hole is none.

        A span that was delivered twice is taken once, as it came last.
        """
        if one.pieces is None:
            detail = "the trace is too large, or its spans lie too far apart; sort the export by trace and time"
            return Rejection(reason=RejectReason.SPANS_TOO_FAR_APART, detail=detail)
        spans: dict[str, TraceSpan] = {}
        for data in one.pieces:
            span = _read(data, self._read_span)
            if isinstance(span, Rejection):
                return span
            spans[span.span_id] = span
        return list(spans.values())


def _key(trace_id: str) -> bytes:
    return hashlib.blake2b(trace_id.encode(), digest_size=16).digest()


def _read(data: bytes, read: Callable[[bytes], _Made]) -> _Made | Rejection:
    """What a field map makes of a line or a piece; it parses parts of them again, so neither may nest too deep."""

    def of_shallow() -> _Made:
        if is_too_deep(data):
            raise NestedTooDeepError
        return read(data)

    return guarded(of_shallow, line=data)
