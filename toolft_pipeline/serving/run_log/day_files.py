"""The day logs and the feedback files that one server process writes.

Invariant: a day file is whole at every moment and only grows by whole lines. Its name has the process's own token, so
that no two processes write one file, and the day on which its runs were complete, in the schedule's time zone: once
that day is over, no run is added to it, and what ingestion has read stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolft_pipeline.ingest.feedback import FEEDBACK_ENDING
from toolft_pipeline.serving.run_log.files import write_whole

MAX_BYTES = 8 << 20
"""Size after which a day continues in another file. Adding runs writes a file again: 8 MB take about 10 ms."""


class DayFiles:
    """Writes lines below a folder; `staging` is a folder of this process on the same file system."""

    def __init__(self, folder: Path, *, token: str, staging: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._token, self._staging, self._max = folder, token, staging, max_bytes
        self._day: str | None = None
        self._number = 1
        self._content = b""

    def add_runs(self, day: str, lines: Sequence[bytes]) -> None:
        """Add the lines of complete runs. Raises `OSError`; then none of them was added."""
        number = self._number + (self._day is not None and (day != self._day or len(self._content) >= self._max))
        before = self._content if number == self._number else b""
        content = before + b"".join(line + b"\n" for line in lines)
        path = self._folder / f"{day}.served-{self._token}-{number:04}.jsonl"
        write_whole(path, content, staging=self._staging)
        self._day, self._number, self._content = day, number, content

    def add_feedback(self, day: str, line: bytes) -> None:
        """Add feedback on a run of a day. Raises `OSError`; then it was not added."""
        path = self._folder / f"{day}.served-{self._token}{FEEDBACK_ENDING}"
        before = path.read_bytes() if path.is_file() else b""
        write_whole(path, before + line + b"\n", staging=self._staging)
