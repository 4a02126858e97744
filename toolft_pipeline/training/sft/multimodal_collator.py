"""Data collator for rows with images: proven ids and labels, and pixel values that are computed per batch.

Invariant: token ids and labels are those that were proven; the collator only looks up images by their hashes and runs
the base's image processor on them, one row a batch. Rows are neither padded nor packed, because pixel values belong to
one row. TRL's own image collator would render and tokenize the row again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.ingest.images.image_store import image_file
from toolft_pipeline.training.rows.sampling import TrainingDataError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from transformers import ProcessorMixin


class ImageRowCollator:
    """Turns one row with `input_ids`, `labels` and `image_sha256` into the model's inputs."""

    def __init__(self, *, processor: ProcessorMixin, folders: Sequence[Path]) -> None:
        """`folders` are the image folders of the window's days."""
        self._processor, self._folders = processor, tuple(folders)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch of one row: tensors of shape (1, tokens), and pixel values if it has images."""
        import torch

        (row,) = rows
        ids = torch.tensor([row["input_ids"]])
        return {
            "input_ids": ids,
            "labels": torch.tensor([row["labels"]]),
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": torch.tensor(self._processor.create_mm_token_type_ids([row["input_ids"]])),
            **self._pixels(row["image_sha256"]),
        }

    def _pixels(self, hashes: Sequence[str]) -> dict[str, torch.Tensor]:
        if not hashes:
            return {}
        made = self._processor.image_processor([self._image(sha256) for sha256 in hashes], return_tensors="pt")
        return {name: tensor for name, tensor in made.items() if name not in self._processor.unused_input_names}

    def _image(self, sha256: str) -> Image:
        from PIL import Image

        path = next((path for folder in self._folders if (path := image_file(folder, sha256)).is_file()), None)
        if path is None:
            raise TrainingDataError(
                f"image {sha256} is in no image folder of the window's token_tensors; materialize token_tensors again"
            )
        with Image.open(path) as picture:
            return picture.convert("RGB")
