"""Expand image placeholders to as many tokens as the image takes, as the family's processor does before encoding.

Invariant: only placeholders that the template wrote are expanded, one for each image of the history, in order. No text
can contain one, because the template neutralizes it. The number of tokens follows from the image's size alone, so no
image is decoded here; the proofs run the processor itself on the images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.chat.formats.chat_format import ChatFormatError, ImageMarkers
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.ingest.images.image_store import image_file

if TYPE_CHECKING:
    from transformers import ProcessorMixin


class ImageTokens:
    """Expands the placeholders of a day's runs by one base model's processor."""

    def __init__(self, *, markers: ImageMarkers, processor: ProcessorMixin, folder: Path) -> None:
        """`folder` holds the images under their hashes."""
        self._markers, self._processor, self._folder = markers, processor, folder
        self._expansion = cache(self._expansion_of)

    def expand(self, text: str, images: Sequence[str]) -> str:
        """A text with each placeholder expanded. Raises `ChatFormatError` unless there is one for each image."""
        (segment,) = self.expand_segments([Segment(text=text, trained=False)], images)
        return segment.text

    def expand_segments(self, segments: Sequence[Segment], images: Sequence[str]) -> tuple[Segment, ...]:
        """The segments of one row, whose history shows these images, with each placeholder expanded."""
        if not images:
            return tuple(segments)
        left = iter(images)
        expanded = tuple(
            Segment(text="".join(self._parts(segment.text, left)), trained=segment.trained) for segment in segments
        )
        written = sum(segment.text.count(self._markers.placeholder) for segment in segments)
        if written != len(images):
            raise ChatFormatError(
                f"the template writes {written} images where the history shows {len(images)}; fix the chat template"
            )
        return expanded

    def _parts(self, text: str, images: Iterator[str]) -> Iterator[str]:
        first, *others = text.split(self._markers.placeholder)
        yield first
        for rest in others:
            image = next(images, None)
            yield "" if image is None else self._expansion(image)
            yield rest

    def _expansion_of(self, image: str) -> str:
        from PIL import Image

        with Image.open(image_file(self._folder, image)) as opened:
            width, height = opened.size
        counted = self._processor._get_num_multimodal_tokens(image_sizes=[[height, width]])
        tokens: int = counted["num_image_tokens"][0]
        return self._markers.opens + self._markers.placeholder * tokens + self._markers.closes
