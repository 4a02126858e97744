"""Which runs the day logs have, for feedback that comes after a run was written.

Invariant: the files decide, those of other processes and of earlier ones too; what is in memory only saves reading a
file again that did not change.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.ingest.feedback import FeedbackLine, feedback_files, read_feedback

MAX_RUNS = 200_000
"""Runs that are remembered, about 300 bytes each; feedback on an older one is refused."""

_DAY = 10
"""Length of the day at the beginning of a file's name."""


class WrittenRun(Struct, frozen=True, kw_only=True):
    """The newest run of a conversation in the day logs, and its outcome if its line knows it."""

    run: str
    day: str
    outcome: str | None
    evidence: str | None = None


class _Outcome(Struct):
    status: str | None = None
    evidence: str | None = None


class _Line(Struct):
    id: str
    outcome: _Outcome | None = None


_DECODER = msgspec.json.Decoder(_Line)


class WrittenRuns:
    """Finds runs by the pseudonym of their conversation (see `run_ids`)."""

    def __init__(self, folder: Path, *, max_runs: int = MAX_RUNS) -> None:
        self._folder, self._max = folder, max_runs
        self._runs: OrderedDict[str, WrittenRun] = OrderedDict()
        self._read: dict[str, tuple[int, int]] = {}

    def find(self, key: str) -> WrittenRun | None:
        """The newest run of a conversation; None if no day log has it. Raises `OSError`."""
        for path in sorted(self._folder.glob("*.served-*.jsonl")):
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
            if self._read.get(path.name) != state:
                self._read_file(path)
                self._read[path.name] = state
        return self._runs.get(key)

    def feedback_on(self, written: WrittenRun) -> FeedbackLine | None:
        """The feedback that counts for a run, if there is any. Raises `LogError`."""
        return read_feedback(feedback_files(self._folder, day=written.day)).get(written.run)

    def _read_file(self, path: Path) -> None:
        for line in path.read_bytes().splitlines():
            try:
                read = _DECODER.decode(line)
            except msgspec.MsgspecError:
                continue
            key, outcome = conversation_of(read.id), read.outcome or _Outcome()
            before = self._runs.get(key)
            if before is None or before.run <= read.id:
                day = path.name[:_DAY]
                self._runs[key] = WrittenRun(run=read.id, day=day, outcome=outcome.status, evidence=outcome.evidence)
                self._runs.move_to_end(key)
        while len(self._runs) > self._max:
            self._runs.popitem(last=False)


def run_id(key: str, *, started_ms: int) -> str:
    """The id of a run of a conversation: ids of one conversation sort by time."""
    return f"served-{key}-{started_ms:012x}"


def conversation_of(run: str) -> str:
    """The pseudonym in a run's id."""
    return run.removeprefix("served-").rpartition("-")[0]
