"""Whether the images of a day's rows are rendered, and with what.

Invariant: chat_rows and token_tensors decide alike, from the format, the base's folder and the accepted runs: a run
that shows images has rows that show them, or it has no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.proofs.image_server import ImageServer
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.processor import load_processor, why_no_images
from toolft_pipeline.ingest.images.image_store import images_folder_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class RowImages:
    """How images become tokens in a day's rows; all None for a day whose runs show no images."""

    tokens: ImageTokens | None = None
    server: ImageServer | None = None
    """The reference that the proofs compare with."""
    folder: Path | None = None
    """Holds the images under their hashes."""
    not_rendered: bool = False
    """Runs show images that cannot be rendered, so those runs have no row."""


def row_images(*, accepted: Path, base: Path, tokenizer: PreTrainedTokenizerBase, format_name: str) -> RowImages:
    """The images of a parquet of accepted runs, for a base model's folder and its installed tokenizer."""
    chat_format, folder = get_format(format_name), images_folder_of(accepted)
    if folder is None:
        return RowImages()
    if chat_format.images is None or why_no_images(base, chat_format) is not None:
        return RowImages(not_rendered=True)
    processor = load_processor(base, tokenizer=tokenizer)
    return RowImages(
        tokens=ImageTokens(markers=chat_format.images, processor=processor, folder=folder),
        server=ImageServer(processor=processor, folder=folder),
        folder=folder,
    )
