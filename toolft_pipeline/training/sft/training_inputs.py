"""What a training run reads, and where it writes.

Invariant: rows are drawn from the inputs alone, so each process of a run draws the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.ingest.images.image_store import images_folder_of
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.mixing import mixture_of
from toolft_pipeline.training.rows.sampling import DrawnRows, draw_rows


@dataclass(frozen=True, kw_only=True)
class TrainingInputs:
    """The base model, the window's rows and the settings of a training run, and the folders that it writes."""

    base: Path
    base_name: str
    """The base model's name in the adapter's config."""
    chat_format: str
    selection: Path
    tensors: Mapping[str, Path]
    training: TrainingSettings
    compute: ComputeType
    checkpoints: Path
    adapter: Path
    """The folder of the adapter, or of all weights."""

    @property
    def images(self) -> list[Path]:
        """The image folders of the window's days."""
        return [folder for path in self.tensors.values() if (folder := images_folder_of(path)) is not None]

    def draw(self) -> DrawnRows:
        """The rows. Raises `TrainingDataError`."""
        return drawn_rows(selection=self.selection, tensors=self.tensors, training=self.training)


def drawn_rows(*, selection: Path, tensors: Mapping[str, Path], training: TrainingSettings) -> DrawnRows:
    """The rows that these settings draw. Raises `TrainingDataError`."""
    return draw_rows(
        selection=selection,
        tensors=tensors,
        token_budget=training.token_budget,
        row_budget=training.row_budget,
        mixture=mixture_of(training),
    )
