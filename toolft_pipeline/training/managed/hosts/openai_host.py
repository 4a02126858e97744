"""The fine-tuning protocol of OpenAI, which other hosts serve too.

Source: OpenAI's API reference, pages "Files" (POST /files, GET /files) and "Fine-tuning" (POST /fine_tuning/jobs, GET
/fine_tuning/jobs, GET /fine_tuning/jobs/{id}, its /events, /checkpoints and /cancel), the guide "Supervised
fine-tuning" (at least 10 examples, `weight`, `parallel_tool_calls`) and the page "Deprecations" (`shutdown_date` of
GET /models/{model}).
"""

from __future__ import annotations

import re
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
from toolft_pipeline.training.managed.hosts.http_api import HostApi, HostError

KEY = "toolft_key"
"""The metadata key that names a job."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PAGE = "100"
_JOBS = "fine_tuning/jobs"
_STATUS = {
    "succeeded": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}


class OpenAIHost:
    """`managed.api: openai`."""

    style = LineStyle(extra={"parallel_tool_calls": True})
    limits = FileLimits(min_rows=10, max_bytes=512 * 2**20)

    def upload(self, api: HostApi, path: Path, name: str) -> UploadedFile:
        """POST /files."""
        return _file(api.once("POST", "files", form={"purpose": "fine-tune"}, file=(name, path.read_bytes())))

    def files(self, api: HostApi) -> Iterator[UploadedFile]:
        """GET /files, all pages."""
        return map(_file, _pages(api, "files", query={"purpose": "fine-tune"}))

    def create(self, api: HostApi, request: JobRequest) -> HostedJob:
        """POST /fine_tuning/jobs."""
        document: dict[str, Any] = {
            "model": request.model,
            "training_file": request.training_file,
            "suffix": request.suffix,
            "seed": request.seed,
            "metadata": {**request.labels, KEY: request.key},
            "method": {"type": "supervised", "supervised": {"hyperparameters": request.hyperparameters}},
        }
        if request.validation_file is not None:
            document["validation_file"] = request.validation_file
        return _job(api.once("POST", _JOBS, document=document, headers={"Idempotency-Key": request.key}))

    def jobs(self, api: HostApi) -> Iterator[HostedJob]:
        """GET /fine_tuning/jobs, all pages."""
        return map(_job, _pages(api, _JOBS, query={}))

    def job(self, api: HostApi, job_id: str) -> HostedJob:
        """GET /fine_tuning/jobs/{id}."""
        return _job(api.read(f"{_JOBS}/{job_id}"))

    def events(self, api: HostApi, job_id: str) -> list[JobEvent]:
        """GET /fine_tuning/jobs/{id}/events, all pages; the host gives the newest first."""
        try:
            return [_event(each) for each in _pages(api, f"{_JOBS}/{job_id}/events", query={})][::-1]
        except HostError as error:
            if error.status in {404, 405, 501}:  # a host that speaks only the rest of the protocol
                return []
            raise

    def cancel(self, api: HostApi, job_id: str) -> None:
        """POST /fine_tuning/jobs/{id}/cancel."""
        api.once("POST", f"{_JOBS}/{job_id}/cancel")

    def shutdown_date(self, api: HostApi, model: str) -> str | None:
        """GET /models/{model}; many hosts have no such field, or not even the route."""
        try:
            date = api.read(f"models/{model}").get("shutdown_date")
        except HostError as error:
            if error.status in {401, 403}:
                raise
            return None
        return date if isinstance(date, str) and _DAY.fullmatch(date) else None


def _pages(api: HostApi, path: str, *, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        page = api.read(path, query={**query, "limit": _PAGE, **after})
        rows = page.get("data") or []
        yield from rows
        if not page.get("has_more") or not rows or after.get("after") == rows[-1]["id"]:
            return
        after = {"after": rows[-1]["id"]}


def _file(document: dict[str, Any]) -> UploadedFile:
    error = None
    if document.get("status") == "error":
        error = document.get("status_details") or "the host could not read it"
    return UploadedFile(
        id=id_of(document), name=document.get("filename", ""), size=document.get("bytes") or 0, error=error
    )


def _job(document: dict[str, Any]) -> HostedJob:
    error = document.get("error") or {}
    metadata = document.get("metadata") or {}
    return HostedJob(
        id=id_of(document),
        status=_STATUS.get(document.get("status", ""), JobStatus.RUNNING),
        word=document.get("status", "unknown"),
        base=document.get("model", ""),
        training_file=document.get("training_file", ""),
        model=document.get("fine_tuned_model"),
        suffix=document.get("user_provided_suffix"),
        key=metadata.get(KEY),
        trained_tokens=document.get("trained_tokens"),
        error=_reason(error),
    )


def _reason(error: dict[str, Any]) -> str | None:
    if not error.get("message"):
        return None
    return f"{error['message']} ({error['code']})" if error.get("code") else str(error["message"])


def _event(document: dict[str, Any]) -> JobEvent:
    data = document.get("data") or {}
    return JobEvent(
        id=id_of(document),
        text=document.get("message", ""),
        is_error=document.get("level") == "error",
        step=data.get("step"),
        loss=data.get("train_loss"),
        validation_loss=data.get("valid_loss", data.get("full_valid_loss")),
    )
