"""What a host's protocol must tell: files, jobs and their events, in one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError
from toolft_pipeline.training.managed.hosts.http_api import HostApi


@dataclass(frozen=True, kw_only=True)
class LineStyle:
    """How a host wants the lines of a training file."""

    weights_everywhere: bool = False
    """Whether messages of other roles carry their weight of 0 too."""
    extra: Mapping[str, Any] | None = None
    """Further fields of a line with tools."""


@dataclass(frozen=True, kw_only=True)
class FileLimits:
    """What a host takes; None is no limit."""

    min_rows: int = 1
    max_bytes: int | None = None
    max_row_tokens: int | None = None


class JobStatus(StrEnum):
    """What has become of a job."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A file at the host; `error` is why it cannot be used."""

    id: str
    name: str
    size: int
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """The job to start. `suffix` and `key` name it, so that it is found again."""

    model: str
    training_file: str
    validation_file: str | None
    suffix: str
    key: str
    seed: int
    labels: dict[str, str] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HostedJob:
    """A job at the host; `word` is the host's own status, `model` the fine-tuned model once there is one."""

    id: str
    status: JobStatus
    word: str
    base: str
    training_file: str
    model: str | None = None
    suffix: str | None = None
    key: str | None = None
    trained_tokens: int | None = None
    error: str | None = None

    def is_of(self, request: JobRequest) -> bool:
        """Whether the request started it. A host that keeps neither key nor suffix tells by file and base model."""
        if self.key is not None:
            return self.key == request.key
        if self.suffix is not None:
            return self.suffix == request.suffix
        if self.model is not None and request.suffix in self.model:
            return True
        return self.training_file == request.training_file and self.base == request.model


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One event of a job, and the loss that it reports, if it does."""

    id: str
    text: str
    is_error: bool = False
    step: int | None = None
    loss: float | None = None
    validation_loss: float | None = None


def id_of(document: dict[str, Any]) -> str:
    """The id of an answer. Raises `ManagedTrainingError` for one without, which another protocol sent."""
    found = document.get("id")
    if not isinstance(found, str):
        raise ManagedTrainingError(
            f"the host answered without an id ({', '.join(sorted(document))}); check managed.api and managed.base_url"
        )
    return found


class Host(Protocol):
    """A protocol. Methods that start something send one request and are never retried here."""

    style: LineStyle
    limits: FileLimits

    def upload(self, api: HostApi, path: Path, name: str) -> UploadedFile:
        """Upload a fine-tuning file."""

    def files(self, api: HostApi) -> Iterator[UploadedFile]:
        """The fine-tuning files at the host."""

    def create(self, api: HostApi, request: JobRequest) -> HostedJob:
        """Start the job."""

    def jobs(self, api: HostApi) -> Iterator[HostedJob]:
        """The jobs at the host, newest first."""

    def job(self, api: HostApi, job_id: str) -> HostedJob:
        """One job."""

    def events(self, api: HostApi, job_id: str) -> list[JobEvent]:
        """The events of a job, oldest first."""

    def cancel(self, api: HostApi, job_id: str) -> None:
        """Ask the host to cancel the job."""

    def shutdown_date(self, api: HostApi, model: str) -> str | None:
        """The day on which the host shuts the model down, if it says so."""
