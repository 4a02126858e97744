"""A day's logs as trajectories and rejects: the raw zone.

Invariant: lines = trajectories + rejects, counted apart and compared on every run (blank lines are counted and are
neither). The raw zone holds what users wrote, unredacted: its files are readable by their owner alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.lines import Line, read_lines
from toolft_pipeline.trajectories.openai_chat import FORMAT, read_openai_line
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.trajectories.rejects import (
    Reject,
    Rejection,
    RejectReason,
    RejectWriter,
    hmac_key,
    line_hmac,
)
from toolft_pipeline.trajectories.table import write_trajectories

TRAJECTORIES_FILE = "trajectories.parquet"
REJECTS_FILE = "rejects.parquet"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENDINGS = (".jsonl", ".jsonl.gz")
_OWNER_ONLY = 0o600


class LogError(RuntimeError):
    """The logs cannot be used; one line naming folder or file and mend."""


@dataclass(frozen=True, kw_only=True)
class RawSummary:
    """What a day's logs held. `files` is empty for a day without logs."""

    day: str
    files: tuple[str, ...]
    lines: int
    blank_lines: int
    trajectories: int
    rejects: int
    reasons: dict[str, int]


@dataclass(kw_only=True)
class _Tally:
    lines: int = 0
    blank_lines: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)


def read_day(settings: AgentSettings, *, day: str, out: Path) -> RawSummary:
    """Read one day's log files into `trajectories.parquet` and `rejects.parquet` below `out`.

    A day without logs gives two empty tables. Raises `LogError` where the folder or a file cannot be read.
    """
    files = log_files(settings, day=day)
    tally = _Tally()
    for name in (TRAJECTORIES_FILE, REJECTS_FILE):
        (out / name).touch(mode=_OWNER_ONLY)
    with RejectWriter(out / REJECTS_FILE) as rejects:
        runs = _read(files, settings=settings, tally=tally, rejects=rejects)
        trajectories = write_trajectories(runs, out / TRAJECTORIES_FILE)
    if tally.lines != trajectories + rejects.rows:
        counts = f"{tally.lines} lines, {trajectories} trajectories, {rejects.rows} rejects"
        raise LogError(f"{day}: lines were lost ({counts}); this is a fault of the reader, report it")
    return RawSummary(
        day=day,
        files=tuple(path.name for path in files),
        lines=tally.lines,
        blank_lines=tally.blank_lines,
        trajectories=trajectories,
        rejects=rejects.rows,
        reasons=dict(sorted(tally.reasons.items())),
    )


def read_golden(settings: AgentSettings) -> list[Trajectory]:
    """The agent's golden runs, none where it names no file.

    People choose golden runs one by one, so a line that cannot be read is an error here: raises `LogError`.
    """
    if settings.logs.golden is None:
        return []
    path = settings.path(settings.logs.golden)
    runs = []
    for line, read in _runs_of(path, settings=settings, golden=True):
        if isinstance(read, Rejection):
            raise LogError(f"{path}:{line.number}: not a run: {read.detail} ({read.reason}); mend or remove the line")
        if read is not None:
            runs.append(read)
    return runs


def log_files(settings: AgentSettings, *, day: str) -> list[Path]:
    """The day's log files in the agent's log folder, sorted by name: YYYY-MM-DD, perhaps more, and an ending."""
    if not _DAY.fullmatch(day):
        raise LogError(f"{day!r}: not a day; write it as YYYY-MM-DD")
    folder = settings.path(settings.logs.folder)
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(day) and path.name.endswith(_ENDINGS))
    except OSError as error:
        mend = "set logs.folder in the agent file to a folder that can be read"
        raise LogError(f"{folder}: the log folder cannot be read ({error.strerror}); {mend}") from error


def _read(files: list[Path], *, settings: AgentSettings, tally: _Tally, rejects: RejectWriter) -> Iterator[Trajectory]:
    """The trajectories of the files; what is none goes to `rejects`, and both to the tally."""
    key = hmac_key()
    for path in files:
        for line, read in _runs_of(path, settings=settings):
            if read is None:
                tally.blank_lines += 1
                continue
            tally.lines += 1
            outcome = _once(read, tally.ids)
            if isinstance(outcome, Trajectory):
                yield outcome
                continue
            tally.reasons[outcome.reason.value] += 1
            rejects.add(
                Reject(
                    file=path.name,
                    line=line.number,
                    offset=line.offset,
                    reason=outcome.reason,
                    detail=outcome.detail,
                    hmac=line_hmac(line.data, key=key),
                )
            )


def _once(read: Trajectory | Rejection, ids: set[str]) -> Trajectory | Rejection:
    """A second run under one id would make every later answer about that id ambiguous."""
    if isinstance(read, Rejection):
        return read
    if read.trajectory_id in ids:
        return Rejection(reason=RejectReason.REPEATED_ID, detail="an earlier line of the day has the same id")
    ids.add(read.trajectory_id)
    return read


def _runs_of(
    path: Path, *, settings: AgentSettings, golden: bool = False
) -> Iterator[tuple[Line, Trajectory | Rejection | None]]:
    """Each line of a file with what it is; None for a blank one. Raises `LogError` for a file that cannot be read."""
    try:
        for line in read_lines(path, max_line_bytes=settings.logs.max_line_bytes):
            if line.rejection is not None or line.blank:
                yield line, line.rejection
                continue
            source = Source(file=path.name, line=line.number, offset=line.offset, format=FORMAT)
            yield line, read_openai_line(line.data, agent=settings.name, source=source, golden=golden)
    except OSError as error:
        raise LogError(
            f"{path}: cannot be read ({error.strerror or error}); mend its permissions or remove it"
        ) from error
