"""One log file: its format and its lines, whatever its packing.

Invariant: a file that cannot be read is one error that names it and the mend, while it is opened and while its lines
are streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolft_pipeline.errors import FixableError
from toolft_pipeline.ingest.file_kind import not_a_log
from toolft_pipeline.ingest.formats import DEFAULT_FORMAT, detect_format
from toolft_pipeline.ingest.parsing.log_lines import LogLine, line_for_rest_of_file, read_lines
from toolft_pipeline.ingest.parsing.rejects import RejectReason


class LogError(FixableError, RuntimeError):
    """The logs cannot be used; one line naming folder or file and mend."""


class LogFile:
    """A file and how it is read: `format_` is a reader's name, or `auto` for what its first lines show.

    `other` says what a file is that is no log of lines at all: it comes out as one rejected line that stands for all
    of it. `told` is whether the file showed its format. Raises `LogError` for a file that cannot be read, here and
    while its lines are streamed.
    """

    def __init__(self, path: Path, *, format_: str, max_line_bytes: int) -> None:
        self.path, self._max_line_bytes = path, max_line_bytes
        with self._readable():
            self.other = not_a_log(path)
            untold = format_ == "auto" and self.other is None
            told = (
                detect_format(path, max_line_bytes=max_line_bytes)
                if untold
                else format_.replace("auto", DEFAULT_FORMAT)
            )
        self.format, self.told = told or DEFAULT_FORMAT, told is not None

    def lines(self) -> Iterator[LogLine]:
        """The file's lines, from its beginning at each call."""
        with self._readable():
            if self.other is not None:
                yield line_for_rest_of_file(self.path, 1, 0, RejectReason.NOT_A_LOG, self.other)
                return
            yield from read_lines(self.path, max_line_bytes=self._max_line_bytes)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            mend = "mend the path" if isinstance(error, FileNotFoundError) else "mend its permissions or remove it"
            raise LogError(f"{self.path}: cannot be read ({error.strerror or error}); {mend}") from error
