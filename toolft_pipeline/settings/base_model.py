"""`base_model`: the model that is fine-tuned."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from toolft_pipeline.settings.section import Section


class BaseModelSettings(Section):
    """The open model to fine-tune, from exactly one source."""

    package: str | None = None
    """An installed Python distribution that contains the model as one GGUF file."""
    folder: str | None = None
    """A folder in Hugging Face layout, relative to the agent file or absolute."""
    hub: str | None = None
    """A hub id such as google/gemma-3-4b-it."""
    revision: str | None = None
    """Commit of the hub id; a branch name is not pinned."""
    sha256: str | None = None
    """Expected sha256 of the weight file; another digest is refused."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.package, self.folder, self.hub)) != 1:
            raise ValueError("name exactly one source: package, folder or hub")
        return self
