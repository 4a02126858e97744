"""A day's logs as trajectories and rejects: the raw zone.

Invariant: runs = trajectories + rejects, counted apart and compared on every run; a run is a line, or a trace whose
spans lie on several, or a line that no span could be read from (blank lines are counted and are none). The raw zone
holds what users wrote, unredacted: its files are readable by their owner alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from toolft_pipeline.ingest.day import REPEATED_ID, SeenIds
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, write_images
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun, table_batch
from toolft_pipeline.ingest.log_file import LogEntry, LogError
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.keys_not_read import add_counts
from toolft_pipeline.ingest.parsing.log_lines import LOG_ENDINGS
from toolft_pipeline.ingest.parsing.rejects import (
    REJECT_SCHEMA,
    Reject,
    Rejection,
    hmac_key,
)
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter
from toolft_pipeline.trajectories.table import TRAJECTORY_SCHEMA

TRAJECTORIES_FILE = "trajectories.parquet"
REJECTS_FILE = "rejects.parquet"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OWNER_ONLY = 0o600


@dataclass(frozen=True, kw_only=True)
class RawSummary:
    """What a day's logs held. `formats` says of each file how it was read; empty for a day without logs.

    `lines` are those that are not blank; `lines_of_rejects` are the ones that came into no trajectory. `keys_not_read`
    counts, over the trajectories, the keys that say something and that their reader left (`level.key`).
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


def read_day(settings: AgentSettings, *, day: str, out: Path) -> RawSummary:
    """Read one day's log files into `trajectories.parquet` and `rejects.parquet` below `out`, and the images that its
    runs show into `images/`.

    A day without logs gives two empty tables. Raises `LogError` where the folder or a file cannot be read.
    """
    paths = log_files(settings, day=day)
    logs = Logs(paths, agent=settings.name, settings=settings.logs, day_ends_ns=_end_of(day, settings))
    tally = _Tally()
    for name in (TRAJECTORIES_FILE, REJECTS_FILE):
        (out / name).touch(mode=_OWNER_ONLY)
    with RowWriter(out / REJECTS_FILE, REJECT_SCHEMA) as rejects:
        runs = _read(logs, tally=tally, rejects=rejects, images=out / IMAGES_FOLDER)
        with RowWriter(out / TRAJECTORIES_FILE, TRAJECTORY_SCHEMA, batch=table_batch) as rows:
            for run in runs:
                rows.add(run)
    if tally.runs != rows.rows + rejects.rows:
        counts = f"{tally.runs} runs, {rows.rows} trajectories, {rejects.rows} rejects"
        raise LogError(f"{day}: runs were lost ({counts}); this is a fault of the reader, report it")
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
    )


def read_golden_runs(settings: AgentSettings) -> list[Trajectory]:
    """The agent's golden runs, none where it names no file.

    People choose golden runs one by one, so a line that cannot be read is an error here: raises `LogError`.
    """
    runs = []
    for found in _golden(settings):
        run, line = found.run, found.line.number
        if isinstance(run, Rejection):
            path = settings.path(settings.logs.golden or "")
            raise LogError(f"{path}:{line}: not a run: {run.detail} ({run.reason}); mend or remove the line")
        if run is not None:
            runs.append(run)
    return runs


def golden_images(settings: AgentSettings) -> dict[str, bytes]:
    """The images that the agent's golden runs show, by their sha256."""
    return {sha256: data for found in _golden(settings) for sha256, data in (found.images or {}).items()}


def _golden(settings: AgentSettings) -> Iterator[LogEntry[Trajectory]]:
    if settings.logs.golden is not None:
        path = settings.path(settings.logs.golden)
        yield from Logs([path], agent=settings.name, settings=settings.logs).runs(golden=True)


def log_days(settings: AgentSettings) -> list[str]:
    """Days (YYYY-MM-DD) from the agent's first one on that have a log file, in order; none where the folder is gone."""
    folder = settings.path(settings.logs.folder)
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    found = {match.group() for name in names if (match := _DAY.match(name))}
    return sorted(day for day in found if day >= settings.first_day)


def log_files(settings: AgentSettings, *, day: str) -> list[Path]:
    """The day's log files in the agent's log folder, sorted by name: YYYY-MM-DD, perhaps more, and an ending."""
    if not _DAY.fullmatch(day):
        raise LogError(f"{day!r}: not a day; write it as YYYY-MM-DD")
    folder = settings.path(settings.logs.folder)
    try:
        return sorted(
            path for path in folder.iterdir() if path.name.startswith(day) and path.name.endswith(LOG_ENDINGS)
        )
    except OSError as error:
        mend = "set logs.folder in the agent file to a folder that can be read"
        raise LogError(f"{folder}: the log folder cannot be read ({error.strerror}); {mend}") from error


def _end_of(day: str, settings: AgentSettings) -> int | None:
    """The first moment of the next day in the agent's time zone, in nanoseconds since 1970."""
    try:
        next_day = datetime.fromisoformat(day) + timedelta(days=1)
    except (ValueError, OverflowError):  # 2026-02-31 names files, and no day ever ends so
        return None
    return int(next_day.replace(tzinfo=ZoneInfo(settings.schedule.time_zone)).timestamp()) * 1_000_000_000


def _read(logs: Logs, *, tally: _Tally, rejects: RowWriter, images: Path) -> Iterator[Trajectory | UnconvertedRun]:
    """The trajectories of the logs; what is none goes to `rejects`, both to the tally, what they show to `images`."""
    key = hmac_key()
    for found in logs.rows():
        run = found.run
        if run is None:
            tally.blank_lines += 1
            continue
        tally.runs += 1
        tally.lines += found.lines
        tally.spans += found.spans
        if not isinstance(run, Rejection) and not tally.ids.add(run.trajectory_id):
            run = REPEATED_ID
        if not isinstance(run, Rejection):
            if found.images is not None:
                write_images(images, found.images)
            if found.unread is not None:
                add_counts(tally.keys_not_read, found.unread)
            yield run
            continue
        tally.lines_of_rejects += found.lines
        tally.reasons[run.reason.value] += 1
        rejects.add(
            Reject(
                file=found.path.name,
                line=found.line.number,
                offset=found.line.offset,
                reason=run.reason,
                detail=run.detail,
                hmac=found.hmac or found.line.hmac_by(key),
            )
        )
