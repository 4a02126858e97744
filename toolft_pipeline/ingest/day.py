"""Read a day of logs into trajectories and rejects: the raw zone.

Invariant: runs = trajectories + rejects; both sides are counted separately and compared on every run. A run is a line,
a trace (whose spans may be on several lines), or a line from which no span could be read. Blank lines are counted, but
are not runs. The raw zone holds unredacted user text, so only the owner can read its files.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from toolft_pipeline.ingest.feedback import read_feedback
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, write_images
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun, table_batch
from toolft_pipeline.ingest.log_file import LogEntry, LogError
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.keys_not_read import add_counts
from toolft_pipeline.ingest.parsing.log_lines import LOG_ENDINGS
from toolft_pipeline.ingest.parsing.rejects import REJECT_SCHEMA, Reject, Rejection, RejectReason
from toolft_pipeline.ingest.served_day import ServedCounts, ServedDay
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter
from toolft_pipeline.trajectories.table import TRAJECTORY_SCHEMA

TRAJECTORIES_FILE = "trajectories.parquet"
REJECTS_FILE = "rejects.parquet"

REPEATED_ID = Rejection(
    reason=RejectReason.REPEATED_ID,
    detail="an earlier run of the day has the same id; give every run an id of its own",
)
"""A second run with the same id would make every lookup of that id ambiguous."""

_NO_KEY = b""
"""Key for golden runs: a line of theirs that cannot be read is an error, so no HMAC is stored."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OWNER_ONLY = 0o600

_64_BITS = 2**64 - 1

_RECENT = 1 << 16
"""Hashes in a set (about 70 bytes each) before they move to the sorted array (8 bytes each)."""


class SeenIds:
    """A set of ids that only grows, in a few bytes an id.

    Invariant: an id that was added is always recognized. A new id is mistaken for a known one with a probability of
    n^2 / 2^65 for n ids (3e-8 for a million), whatever the ids: Python salts its string hash in each process (unless
    PYTHONHASHSEED fixes the salt).
    """

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._sorted = array("Q")

    def add(self, id_: str) -> bool:
        """Add an id; False if it was added before."""
        number = hash(id_) & _64_BITS
        if number in self._recent or self._is_sorted(number):
            return False
        self._recent.add(number)
        if len(self._recent) >= _RECENT:
            self._sort()
        return True

    def _is_sorted(self, number: int) -> bool:
        place = bisect_left(self._sorted, number)
        return place < len(self._sorted) and self._sorted[place] == number

    def _sort(self) -> None:
        recent = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
        merged = np.sort(np.concatenate([np.frombuffer(self._sorted, dtype=np.uint64), recent]))
        self._sorted = array("Q", merged.tobytes())
        self._recent.clear()


@dataclass(frozen=True, kw_only=True)
class RawSummary:
    """Counts of a day's logs.

    `formats` is the format of each file, empty for a day without logs. `lines` are those that are not blank,
    `lines_of_rejects` those that are part of no trajectory. `keys_not_read` counts the keys of the trajectories that
    were not read and not empty (`level.key`).
    """

    day: str
    formats: dict[str, str]
    lines: int
    lines_of_rejects: int
    spans: int
    blank_lines: int
    runs: int
    trajectories: int
    rejects: int
    reasons: dict[str, int]
    keys_not_read: dict[str, int]
    served: ServedCounts


@dataclass(kw_only=True)
class _Tally:
    runs: int = 0
    lines: int = 0
    lines_of_rejects: int = 0
    spans: int = 0
    blank_lines: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    keys_not_read: Counter[str] = field(default_factory=Counter)
    ids: SeenIds = field(default_factory=SeenIds)


def read_day(
    paths: Sequence[Path],
    *,
    day: str,
    time_zone: str,
    agent: str,
    settings: LogSettings,
    key: bytes,
    out: Path,
    feedback: Sequence[Path] = (),
) -> RawSummary:
    """Read a day's log files into tables of trajectories and rejects below `out`.

    Writes `trajectories.parquet`, `rejects.parquet`, the runs' images (`images/`) and, if runs were served, the table
    of their turns. A day without logs gives two empty tables. `key` is that of the rejects' HMACs, `feedback` are files
    about served runs. Raises `LogError` if a file cannot be read.
    """
    logs = Logs(paths, agent=agent, settings=settings, key=key, day_ends_ns=_end_of_day(day, time_zone=time_zone))
    tally = _Tally()
    for name in (TRAJECTORIES_FILE, REJECTS_FILE):
        (out / name).touch(mode=_OWNER_ONLY)
    served = ServedDay(out, read_feedback(feedback))
    with RowWriter(out / REJECTS_FILE, REJECT_SCHEMA) as rejects, served:
        runs = _trajectories(logs, tally=tally, rejects=rejects, images=out / IMAGES_FOLDER, key=key, served=served)
        with RowWriter(out / TRAJECTORIES_FILE, TRAJECTORY_SCHEMA, batch=table_batch) as rows:
            for run in runs:
                rows.add(run)
    if tally.runs != rows.rows + rejects.rows:
        counts = f"{tally.runs} runs, {rows.rows} trajectories, {rejects.rows} rejects"
        raise LogError(f"{day}: runs were lost ({counts}); this is a bug of the reader, please report it")
    return RawSummary(
        day=day,
        formats={path.name: format_ for path, format_ in logs.formats.items()},
        lines=tally.lines,
        lines_of_rejects=tally.lines_of_rejects,
        spans=tally.spans,
        blank_lines=tally.blank_lines,
        runs=tally.runs,
        trajectories=rows.rows,
        rejects=rejects.rows,
        reasons=dict(sorted(tally.reasons.items())),
        keys_not_read=dict(tally.keys_not_read.most_common()),
        served=served.counts,
    )


def read_golden_runs(settings: LogSettings, *, folder: Path, agent: str) -> list[Trajectory]:
    """Read the golden runs of the agent in a folder.

    An empty list if it has no such file. People choose golden runs one by one, so a line that cannot be read is an
    error: raises `LogError`.
    """
    runs = []
    for entry in _golden_entries(settings, folder=folder, agent=agent):
        run, line = entry.run, entry.line.number
        if isinstance(run, Rejection):
            raise LogError(f"{entry.path}:{line}: not a run: {run.detail} ({run.reason}); fix or remove the line")
        if run is not None:
            runs.append(run)
    return runs


def golden_images(settings: LogSettings, *, folder: Path, agent: str) -> dict[str, bytes]:
    """Return the images of the agent's golden runs by sha256."""
    entries = _golden_entries(settings, folder=folder, agent=agent)
    return {sha256: data for entry in entries for sha256, data in (entry.images or {}).items()}


def _golden_entries(settings: LogSettings, *, folder: Path, agent: str) -> Iterator[LogEntry[Trajectory]]:
    if settings.golden is not None:
        path = (folder / settings.golden).resolve()
        yield from Logs([path], agent=agent, settings=settings, key=_NO_KEY).runs(golden=True)


def log_days(folder: Path, *, first_day: str) -> list[str]:
    """List the days (YYYY-MM-DD) with log files from the first day on.

    Empty if the folder is missing.
    """
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    days = {match.group() for name in names if (match := _DAY.match(name))}
    return sorted(day for day in days if day >= first_day)


def log_files(folder: Path, *, day: str) -> list[Path]:
    """List the day's log files by name.

    A name is the day (YYYY-MM-DD), an optional suffix and a log ending. Raises `LogError` if the folder cannot be read.
    """
    if not _DAY.fullmatch(day):
        raise LogError(f"{day!r} is not a day; write it as YYYY-MM-DD")
    try:
        return sorted(
            path for path in folder.iterdir() if path.name.startswith(day) and path.name.endswith(LOG_ENDINGS)
        )
    except OSError as error:
        fix = "set logs.folder in the agent file to a readable folder"
        raise LogError(f"{folder}: the log folder cannot be read ({error.strerror}); {fix}") from error


def _end_of_day(day: str, *, time_zone: str) -> int | None:
    """First moment of the next day in a time zone, in nanoseconds since 1970."""
    try:
        next_day = datetime.fromisoformat(day) + timedelta(days=1)
    except (ValueError, OverflowError):  # files may have the name of a day that does not exist, as 2026-02-31
        return None
    return int(next_day.replace(tzinfo=ZoneInfo(time_zone)).timestamp()) * 1_000_000_000


def _trajectories(
    logs: Logs, *, tally: _Tally, rejects: RowWriter, images: Path, key: bytes, served: ServedDay
) -> Iterator[Trajectory | UnconvertedRun]:
    """Yield the trajectories of the logs.

    Write rejections to `rejects`, images to `images`, turns of served runs to `served`, counts to the tally.
    """
    for entry in logs.rows():
        run = entry.run
        if run is None:
            tally.blank_lines += 1
            continue
        tally.runs += 1
        tally.lines += entry.lines
        tally.spans += entry.spans
        if not isinstance(run, Rejection) and not tally.ids.add(run.trajectory_id):
            run = REPEATED_ID
        if not isinstance(run, Rejection):
            if entry.images is not None:
                write_images(images, entry.images)
            if entry.keys_not_read is not None:
                add_counts(tally.keys_not_read, entry.keys_not_read)
            yield served.add(run, line=entry.line.data)
            continue
        tally.lines_of_rejects += entry.lines
        tally.reasons[run.reason.value] += 1
        rejects.add(
            Reject(
                file=entry.path.name,
                line=entry.line.number,
                offset=entry.line.offset,
                reason=run.reason,
                detail=run.detail,
                hmac=entry.hmac or entry.line.hmac_by(key),
            )
        )
