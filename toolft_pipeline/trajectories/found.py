"""What a log file held: one run, or one reason why there is none, and the part of the file that it accounts for.

Invariant: over a whole file the `lines` of what was found sum to the lines that are not blank, and the `spans` to the
spans that stood on them. A line of several traces is counted once, with the run of its first span.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from toolft_pipeline.trajectories.lines import Line
from toolft_pipeline.trajectories.rejects import Rejection

RunT_co = TypeVar("RunT_co", covariant=True)


class Found(Struct, Generic[RunT_co], frozen=True, gc=False):
    """A run or a rejection with its place: its line, or the first line of its trace; `run` is None for a blank line.

    `hmac` is set where the line's bytes are no longer held.
    """

    line: Line
    run: RunT_co | Rejection | None
    lines: int = 1
    spans: int = 0
    hmac: str | None = None


class Account(Struct, kw_only=True):
    """How many lines that are not blank, and how many spans, were read from a file so far."""

    lines: int = 0
    spans: int = 0
