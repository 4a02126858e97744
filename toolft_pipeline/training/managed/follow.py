"""Follow a hosted job to its end: its events in the log, its own reason where it fails.

Invariant: following only reads. A run that is killed leaves the job as it is; a run that is cancelled (an exception
that is no `Exception`: Ctrl-C, Dagster's interruption) cancels the job if the agent file says so, and says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError, NotAnsweredError
from toolft_pipeline.training.managed.hosts.host import Host, HostedJob, JobEvent, JobStatus
from toolft_pipeline.training.managed.hosts.http_api import HostApi, Pauses
from toolft_pipeline.training.managed.job_record import forget_record

_CANCEL_TRIES = 3
"""Tries to cancel: the run that is being cancelled has a minute before it is killed."""


@dataclass(kw_only=True)
class FollowedJob:
    """The job at its end, and the events that it had."""

    job: HostedJob
    events: list[JobEvent] = field(default_factory=list)


def follow_job(
    host: Host,
    api: HostApi,
    job: HostedJob,
    *,
    pauses: Pauses,
    max_hours: float | None,
    cancel_with_run: bool,
    record_in: Path,
    progress: Callable[[str], None],
) -> FollowedJob:
    """Wait until the job has a model. Raises `ManagedTrainingError` where it failed, was cancelled or is too slow."""
    try:
        return _follow(host, api, job, pauses=pauses, max_hours=max_hours, record_in=record_in, progress=progress)
    except Exception:
        raise
    except BaseException:
        leave_job(host, api, job, cancel=cancel_with_run, record_in=record_in, progress=progress)
        raise


def _follow(
    host: Host,
    api: HostApi,
    job: HostedJob,
    *,
    pauses: Pauses,
    max_hours: float | None,
    record_in: Path,
    progress: Callable[[str], None],
) -> FollowedJob:
    followed, number, began = FollowedJob(job=job), 0, time.monotonic()
    while True:
        new = _new_events(host, api, followed, progress)
        before, followed.job = followed.job.word, host.job(api, job.id)
        if followed.job.word != before:
            progress(f"{job.id}: {before} -> {followed.job.word}")
        if followed.job.status is not JobStatus.RUNNING:
            break
        hours = (time.monotonic() - began) / 3600
        if max_hours is not None and hours > max_hours:
            raise ManagedTrainingError(
                f"job {job.id} is {followed.job.word} after managed.max_hours ({max_hours:g}); it goes on at the host: "
                "run again to follow it, or raise the limit"
            )
        number = 0 if new or followed.job.word != before else number + 1
        time.sleep(pauses.pause_s(number))
    _new_events(host, api, followed, progress)
    _require_model(followed, record_in=record_in, base_url=api.base_url)
    return followed


def _new_events(host: Host, api: HostApi, followed: FollowedJob, progress: Callable[[str], None]) -> bool:
    """Log what has happened since the last look; whether anything has."""
    seen = {event.id for event in followed.events}
    new = [event for event in host.events(api, followed.job.id) if event.id not in seen]
    followed.events += new
    for event in new:
        progress(f"{followed.job.id}: {event.text}")
    return bool(new)


def _require_model(followed: FollowedJob, *, record_in: Path, base_url: str) -> None:
    job = followed.job
    if job.status is JobStatus.SUCCEEDED and job.model:
        return
    forget_record(record_in)
    if job.status is JobStatus.CANCELLED:
        raise ManagedTrainingError(f"{base_url}: job {job.id} was cancelled at the host; run again to start another")
    last = next((event.text for event in reversed(followed.events) if event.is_error), None)
    reason = job.error or last or f"the host gives no reason ({job.word}, no model)"
    raise ManagedTrainingError(f"{base_url}: job {job.id} failed: {reason}; fix that and run again to start another")


def leave_job(
    host: Host,
    api: HostApi,
    job: HostedJob,
    *,
    cancel: bool,
    record_in: Path,
    progress: Callable[[str], None],
) -> None:
    """Cancel the job of a run that is being cancelled, or say that it goes on. Raises nothing of its own."""
    if not cancel:
        progress(f"job {job.id} goes on at the host (managed.cancel_with_run is false); the next run follows it")
        return
    for number in range(_CANCEL_TRIES):
        try:
            host.cancel(api, job.id)
        except NotAnsweredError as error:
            progress(f"{error}; trying again")
            time.sleep(min(2.0, api.pauses.pause_s(number)))
        except ManagedTrainingError as error:
            progress(f"job {job.id} could not be cancelled: {error}")
            return
        else:
            forget_record(record_in)
            progress(f"cancelled job {job.id} at the host, with its run")
            return
    progress(f"job {job.id} could not be cancelled and goes on at the host: cancel it there, or run again to follow it")
