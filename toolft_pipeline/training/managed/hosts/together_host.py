"""The fine-tuning protocol of Together AI.

Source: its OpenAPI document (github.com/togethercomputer/openapi: /files/upload, /files, /fine-tunes,
/fine-tunes/{id}, its /events and /cancel; status values of `FinetuneJobStatus`) and its pages "Data preparation"
(`weight` of any message, 100 GB a file) and "Function-calling fine-tuning" (`tools` and `tool_calls`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolft_pipeline.training.managed.hosts.host import (
    FileLimits,
    HostedJob,
    JobEvent,
    JobRequest,
    JobStatus,
    LineStyle,
    UploadedFile,
    id_of,
)
from toolft_pipeline.training.managed.hosts.http_api import HostApi

_JOBS = "fine-tunes"
_STATUS = {
    "completed": JobStatus.SUCCEEDED,
    "error": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}
_ERRORS = frozenset({"error", "legacy_ierror"})


class TogetherHost:
    """`managed.api: together`."""

    style = LineStyle(weights_everywhere=True)
    limits = FileLimits(min_rows=1, max_bytes=100 * 10**9)

    def upload(self, api: HostApi, path: Path, name: str) -> UploadedFile:
        """POST /files/upload."""
        form = {"purpose": "fine-tune", "file_name": name, "file_type": "jsonl"}
        return _file(api.once("POST", "files/upload", form=form, file=(name, path.read_bytes())))

    def files(self, api: HostApi) -> Iterator[UploadedFile]:
        """GET /files; it has no pages."""
        return map(_file, api.read("files").get("data") or [])

    def create(self, api: HostApi, request: JobRequest) -> HostedJob:
        """POST /fine-tunes; hyperparameters are fields of the request."""
        document: dict[str, Any] = {
            **request.hyperparameters,
            "model": request.model,
            "training_file": request.training_file,
            "suffix": request.suffix,
            "random_seed": request.seed,
        }
        if request.validation_file is not None:
            document["validation_file"] = request.validation_file
            document.setdefault("n_evals", 1)
        return _job(api.once("POST", _JOBS, document=document, headers={"Idempotency-Key": request.key}))

    def jobs(self, api: HostApi) -> Iterator[HostedJob]:
        """GET /fine-tunes; it has no pages and no order."""
        rows = api.read(_JOBS).get("data") or []
        return map(_job, sorted(rows, key=lambda each: str(each.get("created_at", "")), reverse=True))

    def job(self, api: HostApi, job_id: str) -> HostedJob:
        """GET /fine-tunes/{id}; a failed job gives its reason in its events alone."""
        return _job(api.read(f"{_JOBS}/{job_id}"))

    def events(self, api: HostApi, job_id: str) -> list[JobEvent]:
        """GET /fine-tunes/{id}/events."""
        rows = api.read(f"{_JOBS}/{job_id}/events").get("data") or []
        return [_event(each, number) for number, each in enumerate(rows)]

    def cancel(self, api: HostApi, job_id: str) -> None:
        """POST /fine-tunes/{id}/cancel."""
        api.once("POST", f"{_JOBS}/{job_id}/cancel")

    def shutdown_date(self, api: HostApi, model: str) -> str | None:
        """The protocol does not say it."""
        del api, model
        return None


def _file(document: dict[str, Any]) -> UploadedFile:
    return UploadedFile(id=id_of(document), name=document.get("filename", ""), size=document.get("bytes") or 0)


def _job(document: dict[str, Any]) -> HostedJob:
    return HostedJob(
        id=id_of(document),
        status=_STATUS.get(document.get("status", ""), JobStatus.RUNNING),
        word=document.get("status", "unknown"),
        base=document.get("model", ""),
        training_file=document.get("training_file", ""),
        model=document.get("model_output_name"),
        suffix=document.get("suffix"),
        trained_tokens=document.get("token_count"),
    )


def _event(document: dict[str, Any], number: int) -> JobEvent:
    return JobEvent(
        id=document.get("hash") or f"{document.get('created_at')} {number}",
        text=document.get("message", ""),
        is_error=document.get("level") in _ERRORS or document.get("type") == "job_error",
    )
