"""A model that stays at its host: the small JSON that stands in a version where others have their weights.

Invariant: it names no key, only the environment variable that holds one, and is enough to ask the model again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.training.managed.hosts.errors import TrainingFileError
from toolft_pipeline.training.managed.hosts.host import FileLimits
from toolft_pipeline.training.managed.validate_file import check_file
from toolft_pipeline.warehouse.digest import file_digest

MODEL_FOLDER = "model"
HOSTED_FILE = "hosted_model.json"
TRAINING_FILE = "training.jsonl"
"""The uploaded file, beside the model in its first version."""


class HostedModel(Struct, frozen=True, kw_only=True):
    """A fine-tuned model at a host. `files` are the sha256 of the uploaded files by their id at the host."""

    api: str
    base_url: str
    inference_url: str
    model: str
    base: str
    job: str
    job_key: str
    key_from: str | None
    files: dict[str, str]
    training_sha256: str
    trained_tokens: int | None
    estimated_tokens: int

    @property
    def where(self) -> str:
        """The model and its place, for people."""
        return f"{self.model} at {self.inference_url}"


def write_hosted(model: HostedModel, version: Path) -> None:
    """Write it below a version's folder."""
    folder = version / MODEL_FOLDER
    folder.mkdir()
    (folder / HOSTED_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n")


def read_hosted(version: Path) -> HostedModel | None:
    """The hosted model of a version's folder; None for a model whose weights are there."""
    path = version / MODEL_FOLDER / HOSTED_FILE
    return msgspec.json.decode(path.read_bytes(), type=HostedModel) if path.is_file() else None


def file_is_as_uploaded(adapter: Path, model: HostedModel) -> bool:
    """Whether the training file beside a hosted model is the one that was uploaded, and a file that a host takes."""
    path = adapter / TRAINING_FILE
    if not path.is_file() or file_digest(path) != model.training_sha256:
        return False
    try:
        check_file(path, FileLimits())
    except TrainingFileError:
        return False
    return True
