"""Upload the files and start the job, once: whatever crashes in between, one run pays for one job.

Invariant: before a request that starts a job is sent, first or again, the host's jobs are listed, and a job of the same
key is taken instead. Files are found by their name, which has the digest of their content.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError
from toolft_pipeline.training.managed.hosts.host import Host, HostedJob, JobRequest, JobStatus, UploadedFile
from toolft_pipeline.training.managed.hosts.http_api import HostApi, HostError
from toolft_pipeline.training.managed.job_record import JobRecord, read_record, write_record
from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.lock import locked

LISTING_LAG_S = 5.0
"""Seconds after an unanswered start before jobs are listed: a job that was just created may not be listed at once."""

INTERRUPTED_PATIENCE_S = 15.0
"""Seconds for which an interrupted run asks after its job: it has a minute before it is killed."""

Progress = Callable[[str], None]


def upload_once(host: Host, api: HostApi, path: Path, *, agent: str, progress: Progress) -> UploadedFile:
    """The file at the host: found by its name and size, or uploaded. Raises `ManagedTrainingError`."""
    name = f"toolft-{agent}-{file_digest(path)[:24]}{path.suffix}"
    size = path.stat().st_size

    def found_or_uploaded() -> UploadedFile:
        for each in host.files(api):
            if each.name == name and each.size == size and each.error is None:
                progress(f"{path.name} is at the host already: {each.id}")
                return each
        made = host.upload(api, path, name)
        progress(f"uploaded {path.name} ({size:,} bytes): {made.id}")
        return made

    uploaded = api.retrying(found_or_uploaded)
    if uploaded.error is not None:
        raise ManagedTrainingError(f"{api.base_url}: the host refuses {path.name}: {uploaded.error}")
    return uploaded


def start_once(
    host: Host,
    api: HostApi,
    request: JobRequest,
    *,
    record_in: Path,
    progress: Progress,
) -> HostedJob:
    """The job of this request: the recorded one, one found at the host, or a new one. Raises `ManagedTrainingError`.

    A job of the same key that failed or was cancelled before is not taken: a person who runs again wants another.
    """
    with locked(record_in):  # a second process waits, and then finds the job of the first
        job = _recorded(host, api, request, record_in, progress)
        if job is None:
            job = _found_or_created(host, api, request, record_in, progress)
        write_record(record_in, JobRecord(key=request.key, job_id=job.id))
        return job


def started_unrecorded(
    host: Host, api: HostApi, request: JobRequest, *, record_in: Path, progress: Progress
) -> HostedJob | None:  # fmt: skip
    """The job that an interrupted start may have left at the host; None where there is none, or the host is away."""
    record = read_record(record_in, key=request.key)
    if record is None or record.job_id is not None:
        return None
    api.pauses = replace(api.pauses, patience_s=min(api.pauses.patience_s, INTERRUPTED_PATIENCE_S))
    try:
        return _since(host, api, request, record, progress)
    except ManagedTrainingError as error:
        progress(f"interrupted while a job was being started; the next run looks for it ({error})")
        return None


def _recorded(host: Host, api: HostApi, request: JobRequest, folder: Path, progress: Progress) -> HostedJob | None:
    record = read_record(folder, key=request.key)
    if record is None:
        return None
    if record.job_id is None:
        return _since(host, api, request, record, progress)
    try:
        job = host.job(api, record.job_id)
    except HostError as error:
        if error.status != 404:
            raise
        progress(f"the host no longer has job {record.job_id}, which an earlier attempt started")
        return None
    progress(f"following job {job.id}, which an earlier attempt started: {job.word}")
    return job


def _since(host: Host, api: HostApi, request: JobRequest, record: JobRecord, progress: Progress) -> HostedJob | None:
    """The job that an attempt started without coming to record it."""
    for job in host.jobs(api):
        if job.is_of(request) and job.id not in record.before:
            progress(f"found job {job.id}, which an earlier attempt started and could not record: {job.word}")
            return job
    return None


def _found_or_created(host: Host, api: HostApi, request: JobRequest, folder: Path, progress: Progress) -> HostedJob:
    earlier = [job for job in host.jobs(api) if job.is_of(request)]
    for job in earlier:
        if job.status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
            progress(f"found job {job.id} for the same rows, model and hyperparameters: {job.word}")
            return job
    record = JobRecord(key=request.key, before=tuple(job.id for job in earlier))
    write_record(folder, record)
    tries = 0

    def created() -> HostedJob:
        nonlocal tries
        tries += 1
        if tries > 1:
            time.sleep(LISTING_LAG_S)
            if (job := _since(host, api, request, record, progress)) is not None:
                return job
        job = host.create(api, request)
        progress(f"started job {job.id}: {job.word}")
        return job

    return api.retrying(created)
