"""One log file: its format, its lines, and what each line gave.

Invariant: a file that cannot be read is one error that names the file and the fix, both when it is opened and while its
lines are streamed. Over all files of a format, the `lines` of the entries sum to the lines that are not blank, and
their `spans` to the spans on them. A line with spans of several traces counts once, with the run of its first span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from toolft_pipeline.errors import FixableError
from toolft_pipeline.ingest.file_kind import not_a_log
from toolft_pipeline.ingest.formats import AUTO, DEFAULT_FORMAT, FORMATS, recognize_format
from toolft_pipeline.ingest.parsing.json_constants import replace_constants
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.log_lines import LogLine, line_for_rest_of_file, read_lines
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason

MAX_DETECTION_LINES = 100
"""Lines that format detection looks at. Only runs without tool calls stay ambiguous, and all formats agree on those."""

RunT_co = TypeVar("RunT_co", covariant=True)


class LogError(FixableError, RuntimeError):
    """The logs cannot be read; one line with the folder or file and the fix."""


class LogEntry(Struct, Generic[RunT_co], frozen=True, gc=False):
    """A run, a rejection or a blank line (`run` is None), with its file and line.

    For a trace, its first line. `hmac` is set if the bytes of the line are no longer in memory.
    """

    path: Path
    line: LogLine
    run: RunT_co | Rejection | None
    lines: int = 1
    spans: int = 0
    hmac: str | None = None
    images: Mapping[str, bytes] | None = None
    """The images that the run shows, by sha256; None if it shows none."""
    keys_not_read: Mapping[str, int] | None = None
    """How often each key of the run was not read (`level.key`); None if all were read."""


class ReadCounts(Struct, kw_only=True):
    """How many lines that are not blank, and how many spans, were read so far."""

    lines: int = 0
    spans: int = 0


class LogFile:
    """A file and how it is read.

    `format_` is the name of a format, or `auto` for detection. `not_a_log` explains why a file is not a log of lines at
    all; such a file gives one rejected line for all of it. `format_detected` is False if no line shows the format.
    `key` is that of the lines' HMACs. Raises `LogError` for an unknown format or a file that cannot be read, here and
    while its lines are streamed.
    """

    def __init__(self, path: Path, *, format_: str, max_line_bytes: int, key: bytes) -> None:
        if format_ != AUTO and format_ not in FORMATS:
            raise LogError(f"no log format named {format_!r}; set logs.format to {AUTO} or one of {', '.join(FORMATS)}")
        self.path, self.key, self._max_line_bytes = path, key, max_line_bytes
        with self._readable():
            self.not_a_log = not_a_log(path)
            detect = format_ == AUTO and self.not_a_log is None
            known = detect_format(path, max_line_bytes=max_line_bytes, key=key) if detect else format_
        self.format_detected = known is not None
        self.format = DEFAULT_FORMAT if known in (None, AUTO) else known

    def lines(self) -> Iterator[LogLine]:
        """Stream the lines of the file; each call starts at its beginning."""
        with self._readable():
            if self.not_a_log is not None:
                yield line_for_rest_of_file(self.path, 1, 0, RejectReason.NOT_A_LOG, self.not_a_log, key=self.key)
                return
            yield from read_lines(self.path, max_line_bytes=self._max_line_bytes, key=self.key)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            fix = "correct the path" if isinstance(error, FileNotFoundError) else "fix its permissions or remove it"
            raise LogError(f"{self.path}: cannot be read ({error.strerror or error}); {fix}") from error


def detect_format(path: Path, *, max_line_bytes: int, key: bytes) -> str | None:
    """Detect the format of a file by the first line that shows it.

    None if no line does. Raises `OSError`.
    """
    for line in islice(read_lines(path, max_line_bytes=max_line_bytes, key=key), MAX_DETECTION_LINES):
        if line.rejection is None and not line.blank and not is_too_deep(line.data):
            name = _format_of_line(line.data)
            if name is not None:
                return name
    return None


def _format_of_line(data: bytes) -> str | None:
    try:
        row = any_json(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        without = replace_constants(data)
        return None if without is None else _format_of_line(without)
    return recognize_format(row)
