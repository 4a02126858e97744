"""What log files held: one run, or one reason why there is none, and the part of the files that it accounts for.

Invariant: over all files of a format the `lines` of what was found sum to the lines that are not blank, and the `spans`
to the spans that stood on them. A line of several traces is counted once, with the run of its first span.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct

from toolft_pipeline.ingest.parsing.log_lines import LogLine
from toolft_pipeline.ingest.parsing.rejects import Rejection

RunT_co = TypeVar("RunT_co", covariant=True)


class LogEntry(Struct, Generic[RunT_co], frozen=True, gc=False):
    """A run or a rejection with its place: file and line, or those where its trace begins; `run` is None for a blank
    line.

    `hmac` is set where the line's bytes are no longer held.
    """

    path: Path
    line: LogLine
    run: RunT_co | Rejection | None
    lines: int = 1
    spans: int = 0
    hmac: str | None = None
    images: Mapping[str, bytes] | None = None
    """The images that a run shows, by their sha256; None where it shows none."""
    unread: Mapping[str, int] | None = None
    """How often each key that the reader left says something in the run (`level.key`); None where it left none."""


class ReadCounts(Struct, kw_only=True):
    """How many lines that are not blank, and how many spans, were read so far."""

    lines: int = 0
    spans: int = 0
