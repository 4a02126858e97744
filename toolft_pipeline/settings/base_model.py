"""`base_model`: the model that is fine-tuned."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from toolft_pipeline.settings.section import Section


class BaseModelSettings(Section):
    """The open model to fine-tune; exactly one source."""

    package: str | None = None
    """An installed Python distribution that carries the model as one GGUF file."""
    folder: str | None = None
    """A folder in Hugging Face layout, relative to the agent file or absolute."""
    hub: str | None = None
    """A hub id such as google/gemma-3-4b-it."""
    revision: str | None = None
    """Commit of the hub id; a branch name moves under your feet."""
    sha256: str | None = None
    """Pinned digest of the GGUF file, refused when it differs."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.package, self.folder, self.hub)) != 1:
            raise ValueError("name exactly one source: package, folder or hub")
        return self
