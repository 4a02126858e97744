"""What a run knows of its hosted job, written before each step that cannot be repeated.

Invariant: the record names the jobs of this key that were there before the request to start one was sent. After a
crash at any moment a job of this key that is not among them is the one that the request started, whatever became of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

RECORD_FILE = "job.json"


class JobRecord(Struct, frozen=True, kw_only=True):
    """`job_id` is None as long as it is not known whether the job was started."""

    key: str
    before: tuple[str, ...] = ()
    job_id: str | None = None


def read_record(folder: Path, *, key: str) -> JobRecord | None:
    """The record of an earlier attempt at the same job; None for another job's, and for one that cannot be read."""
    try:
        record = msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=JobRecord)
    except (OSError, msgspec.DecodeError):
        return None
    return record if record.key == key else None


def write_record(folder: Path, record: JobRecord) -> None:
    """Write the record so that it survives a crash of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f"{RECORD_FILE}.part"
    with staged.open("wb") as stream:
        stream.write(msgspec.json.encode(record))
        stream.flush()
        os.fsync(stream.fileno())
    staged.rename(folder / RECORD_FILE)


def forget_record(folder: Path) -> None:
    """Forget a job that failed or was cancelled, so that the next run starts another."""
    (folder / RECORD_FILE).unlink(missing_ok=True)
