"""What a day's served runs bring beside their messages: feedback to join, and the table of their turns.

Invariant: a day on which nothing was served writes no file and costs one comparison a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct, structs

from toolft_pipeline.ingest.feedback import FeedbackLine, with_feedback
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun
from toolft_pipeline.ingest.parsing.served_key import served_turns
from toolft_pipeline.ingest.served_turns import SERVED_TURNS_FILE, SERVED_TURNS_SCHEMA, turn_row
from toolft_pipeline.trajectories.record import SERVED, Origin, Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter

_OWNER_ONLY = 0o600


class ServedCounts(Struct, frozen=True, kw_only=True):
    """Served runs of a day.

    `mixed` are those of which another model wrote a turn; `feedback` counts the runs whose feedback was joined.
    """

    runs: int = 0
    mixed: int = 0
    turns: int = 0
    feedback: int = 0


class ServedDay:
    """Collects the served runs of a day while it is read; used as a context manager."""

    def __init__(self, out: Path, feedback: Mapping[str, FeedbackLine]) -> None:
        self._path, self._feedback = out / SERVED_TURNS_FILE, feedback
        self._writer: RowWriter | None = None
        self.counts = ServedCounts()

    def add(self, run: Trajectory | UnconvertedRun, *, line: bytes) -> Trajectory | UnconvertedRun:
        """The run with its feedback; its turns are written if it was served."""
        head = run.head if isinstance(run, UnconvertedRun) else run
        if head.origin not in SERVED:
            return run
        given = self._feedback.get(head.trajectory_id)
        turns = served_turns(line)
        for turn in turns:
            self._turns().add(turn_row(head.trajectory_id, turn))
        self.counts = ServedCounts(
            runs=self.counts.runs + 1,
            mixed=self.counts.mixed + (head.origin is Origin.MIXED),
            turns=self.counts.turns + len(turns),
            feedback=self.counts.feedback + (given is not None),
        )
        joined = with_feedback(head, given)
        return structs.replace(run, head=joined) if isinstance(run, UnconvertedRun) else joined

    def _turns(self) -> RowWriter:
        if self._writer is None:
            self._path.touch(mode=_OWNER_ONLY)
            self._writer = RowWriter(self._path, SERVED_TURNS_SCHEMA)
        return self._writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type_: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(type_, value, traceback)
