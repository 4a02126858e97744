"""Fine-tune by a job at a host on the selected rows of a window.

Invariant: one run pays for one job, whatever crashes; nothing that is written holds the key. The rows are those that
training on this machine would draw.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.settings import ChatSettings, ManagedSettings
from toolft_pipeline.training.managed.follow import FollowedJob, follow_job, leave_job
from toolft_pipeline.training.managed.hosted_model import TRAINING_FILE, HostedModel, write_hosted
from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError, TrainingFileError
from toolft_pipeline.training.managed.hosts.host import FileLimits, Host, HostedJob, JobRequest
from toolft_pipeline.training.managed.hosts.http_api import HostApi, Pauses
from toolft_pipeline.training.managed.hosts.registry import HOSTS
from toolft_pipeline.training.managed.job_record import read_record
from toolft_pipeline.training.managed.shutdowns import refuse_if_ending
from toolft_pipeline.training.managed.start_once import start_once, started_unrecorded, upload_once
from toolft_pipeline.training.managed.training_file import training_lines, write_lines
from toolft_pipeline.training.managed.validate_file import FileFacts, check_file
from toolft_pipeline.training.rows.sampling import DrawnRows, Row, draw_rows
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, write_trained_rows
from toolft_pipeline.training.train_adapter import PROGRESS_FILE, PROGRESS_SCHEMA
from toolft_pipeline.warehouse.digest import Json, digest_of, file_digest

VALIDATION_FILE = "validation.jsonl"

_PER_MILLION = 1e6

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Window:
    """The rows of a window: selection, tensors and verified runs by day, and today's tools."""

    selection: Path
    tensors: Mapping[str, Path]
    accepted: Mapping[str, Path]
    catalog: Catalog
    chat: ChatSettings
    token_budget: int | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """Whose job it is: the agent, the as-of day, the seed; `again` is the run that a person forced, or empty."""

    agent: str
    day: str
    seed: int
    again: str = ""


@dataclass(frozen=True, kw_only=True)
class WrittenFiles:
    """The files of a window and what is in them; `validation` is None where there are no validation rows."""

    drawn: DrawnRows
    training: FileFacts
    validation: FileFacts | None


@dataclass(frozen=True, kw_only=True)
class ManagedSummary:
    """Rows, and the figures to show first."""

    rows: int
    headline: dict[str, Json]


def write_training_files(window: Window, managed: ManagedSettings, out: Path) -> WrittenFiles:
    """Draw the rows, write and check both files. Raises `TrainingFileError` or `TrainingDataError`."""
    host = HOSTS[managed.api]
    drawn = draw_rows(selection=window.selection, tensors=window.tensors, token_budget=window.token_budget)
    limits = replace(host.limits, min_rows=0, max_row_tokens=managed.max_row_tokens)
    at_least = replace(limits, min_rows=max(managed.min_rows, host.limits.min_rows))
    training = _write(drawn.train.rows, out / TRAINING_FILE, window=window, host=host, limits=at_least)
    validation = None
    if managed.validation and drawn.validation.rows:
        validation = _write(drawn.validation.rows, out / VALIDATION_FILE, window=window, host=host, limits=limits)
        if validation.rows == 0:
            (out / VALIDATION_FILE).unlink()
            validation = None
    return WrittenFiles(drawn=drawn, training=training, validation=validation)


def _write(rows: Sequence[Row], path: Path, *, window: Window, host: Host, limits: FileLimits) -> FileFacts:
    lines = training_lines(rows, accepted=window.accepted, catalog=window.catalog, chat=window.chat, style=host.style)
    write_lines(lines, path)
    return check_file(path, limits)


def train_managed(
    *,
    window: Window,
    managed: ManagedSettings,
    job: Job,
    record_in: Path,
    out: Path,
    progress: Progress,
    pauses: Pauses | None = None,
) -> ManagedSummary:
    """Upload, start once and follow; write `model/hosted_model.json`, both files, `trained_rows.parquet` and
    `progress.parquet` to `out`. `record_in` survives a killed attempt; use it for these inputs and settings only.

    Raises `ManagedTrainingError`, with the host's own reason where there is one.
    """
    files = write_training_files(window, managed, out)
    _announce(files, managed, progress)
    host = HOSTS[managed.api]
    paths = [out / TRAINING_FILE, *([] if files.validation is None else [out / VALIDATION_FILE])]
    digests = {path: file_digest(path) for path in paths}
    key = job_key(managed, job, files=[*digests.values()])
    pauses = pauses or Pauses(longest_s=managed.poll_s, patience_s=managed.patience_s)
    api = HostApi(
        base_url=managed.base_url,
        key=_key(managed),
        key_from=managed.key_from,
        timeout_s=managed.timeout_s,
        pauses=pauses,
        progress=progress,
    )
    try:
        if read_record(record_in, key=key) is None:  # else the job of an earlier attempt is there already
            _refuse_if_ending(host, api, managed)
        uploaded: dict[str, str] = {
            upload_once(host, api, path, agent=job.agent, progress=progress).id: digest
            for path, digest in digests.items()
        }
        request = _request(managed, job, key=key, files=[*uploaded])
        started = _started(host, api, request, managed=managed, record_in=record_in, progress=progress)
        followed = follow_job(
            host,
            api,
            started,
            pauses=pauses,
            max_hours=managed.max_hours,
            cancel_with_run=managed.cancel_with_run,
            record_in=record_in,
            progress=progress,
        )
    finally:
        api.close()
    model = _model(followed, managed, key=key, uploaded=uploaded, files=files, out=out)
    write_hosted(model, out)
    write_trained_rows(files.drawn, out / TRAINED_ROWS_FILE)
    losses = _losses(followed)
    pq.write_table(losses, out / PROGRESS_FILE)
    headline = {**_headline(model, managed, files), "has_losses": losses.num_rows > 0}
    progress(f"model {model.where}" + (f", cost {headline['cost']}" if "cost" in headline else ""))
    return ManagedSummary(rows=files.training.rows, headline=headline)


def _started(
    host: Host, api: HostApi, request: JobRequest, *, managed: ManagedSettings, record_in: Path, progress: Progress
) -> HostedJob:
    """The job, started once; one that an interrupted start left at the host is cancelled as `cancel_with_run` says."""
    try:
        return start_once(host, api, request, record_in=record_in, progress=progress)
    except Exception:
        raise
    except BaseException:
        job = started_unrecorded(host, api, request, record_in=record_in, progress=progress)
        if job is not None:
            leave_job(host, api, job, cancel=managed.cancel_with_run, record_in=record_in, progress=progress)
        raise


def estimated_cost(tokens: int, managed: ManagedSettings) -> float:
    """What a job costs by estimate: the file's tokens, times epochs where the agent file names a number."""
    epochs = managed.hyperparameters.get("n_epochs", 1)
    times = epochs if isinstance(epochs, int | float) else 1
    return tokens * times * managed.price_per_million_trained_tokens / _PER_MILLION


def _announce(files: WrittenFiles, managed: ManagedSettings, progress: Progress) -> None:
    facts, cost = files.training, estimated_cost(files.training.tokens, managed)
    priced = f", about {cost:.2f} by managed.price_per_million_trained_tokens" if cost else ""
    progress(
        f"{facts.rows} training rows, {facts.trained_turns} trained turns, about {facts.tokens} tokens (longest row "
        f"{facts.longest}), {0 if files.validation is None else files.validation.rows} validation rows{priced}"
    )
    if managed.max_cost is not None and cost > managed.max_cost:
        raise TrainingFileError(
            f"the job would cost about {cost:.2f}, managed.max_cost is {managed.max_cost:g}; lower "
            "training.token_budget or raise that"
        )


def _key(managed: ManagedSettings) -> str | None:
    if managed.key_from is None:
        return None
    key = os.environ.get(managed.key_from)
    if not key:
        raise ManagedTrainingError(f"no key for {managed.base_url}: set the environment variable {managed.key_from}")
    return key


def _refuse_if_ending(host: Host, api: HostApi, managed: ManagedSettings) -> None:
    written = managed.shutdown_date
    refuse_if_ending(
        base_url=managed.base_url,
        model=managed.model,
        min_days=managed.min_days_to_shutdown,
        written=written,
        by_host=host.shutdown_date(api, managed.model) if written is None else None,
        today=datetime.now(UTC).date(),
    )


def job_key(managed: ManagedSettings, job: Job, *, files: list[str]) -> str:
    """What names the job at the host: equal for equal files, model, hyperparameters and seed of one agent."""
    named = {"agent": job.agent, **managed.identity, "seed": job.seed, "files": files, "again": job.again}
    return digest_of(named)[:16]


def _request(managed: ManagedSettings, job: Job, *, key: str, files: list[str]) -> JobRequest:
    """The request for the ids of the uploaded files, the training file first."""
    return JobRequest(
        model=managed.model,
        training_file=files[0],
        validation_file=files[1] if len(files) > 1 else None,
        suffix=f"{job.agent.replace('_', '-')[:20]}-{key[:12]}",
        key=key,
        seed=job.seed,
        labels={"toolft_agent": job.agent, "toolft_day": job.day},
        hyperparameters=managed.hyperparameters,
    )


def _model(
    followed: FollowedJob,
    managed: ManagedSettings,
    *,
    key: str,
    uploaded: dict[str, str],
    files: WrittenFiles,
    out: Path,
) -> HostedModel:
    job = followed.job
    return HostedModel(
        api=managed.api.value,
        base_url=managed.base_url,
        inference_url=managed.inference_url or managed.base_url,
        model=job.model or "",
        base=managed.model,
        job=job.id,
        job_key=key,
        key_from=managed.key_from,
        files=uploaded,
        training_sha256=file_digest(out / TRAINING_FILE),
        trained_tokens=job.trained_tokens,
        estimated_tokens=files.training.tokens,
    )


def _headline(model: HostedModel, managed: ManagedSettings, files: WrittenFiles) -> dict[str, Json]:
    price, tokens = managed.price_per_million_trained_tokens, model.trained_tokens
    cost = estimated_cost(files.training.tokens, managed) if tokens is None else tokens * price / _PER_MILLION
    return {
        "hosted_model": model.model,
        "job": model.job,
        "host": model.base_url,
        "trained_turns": files.training.trained_turns,
        "estimated_tokens": files.training.tokens,
        **({} if tokens is None else {"trained_tokens": tokens}),
        **({"cost": round(cost, 4), "cost_is": "estimated" if tokens is None else "measured"} if price else {}),
    }


def _losses(followed: FollowedJob) -> pa.Table:
    """The losses that the host reported, as a training on this machine writes them."""
    steps = {
        event.step: {"step": event.step, "loss": event.loss, "validation_loss": event.validation_loss}
        for event in followed.events
        if event.step is not None and event.loss is not None
    }
    return pa.Table.from_pylist([steps[step] for step in sorted(steps)], schema=PROGRESS_SCHEMA)
