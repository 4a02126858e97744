"""What the chat stages need to know of a day's images, all in one place: whether they are rendered, and by what.

Invariant: chat_rows and token_tensors decide alike, from the format, the base's folder and the accepted runs: a run has
rows that show its images, or it has no row.
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
    """How wide the images of a day's rows are, the server that proves it, and where they lie: nothing for a day whose
    runs show none, or `not_rendered`, where the runs that do have no row."""

    tokens: ImageTokens | None = None
    server: ImageServer | None = None
    folder: Path | None = None
    not_rendered: bool = False


def row_images(*, accepted: Path, base: Path, tokenizer: PreTrainedTokenizerBase, format_name: str) -> RowImages:
    """What is known of the images of a parquet of accepted runs, by a base's folder and its installed tokenizer."""
    chat_format, folder = get_format(format_name), images_folder_of(accepted)
    if folder is None:
        return RowImages()
    if chat_format.images is None or why_no_images(base, chat_format) is not None:
        return RowImages(not_rendered=True)
    processor = load_processor(base, tokenizer=tokenizer)
    return RowImages(
        tokens=ImageTokens(marks=chat_format.images, processor=processor, folder=folder),
        server=ImageServer(processor=processor, folder=folder),
        folder=folder,
    )
