"""The placeholder of an image widened to the image's tokens, as the family's processor does it before it encodes.

Invariant: only placeholders that the template wrote are widened, one for each image of the history, in order. No text
can spell one: the template neutralizes it. How many tokens an image takes follows from its size alone, so nothing is
decoded here; the proofs run the processor itself on the pictures.
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
    """What the images of a day's runs are in tokens, by one base's processor."""

    def __init__(self, *, marks: ImageMarkers, processor: ProcessorMixin, folder: Path) -> None:
        """`folder` holds the images under their hashes."""
        self._marks, self._processor, self._folder = marks, processor, folder
        self._text = cache(self._text_of)

    def widened(self, text: str, images: Sequence[str]) -> str:
        """A text with each of its placeholders widened. Raises `ChatFormatError` where there are not as many of them as
        images."""
        (segment,) = self.expand_segments([Segment(text=text, trained=False)], images)
        return segment.text

    def expand_segments(self, segments: Sequence[Segment], images: Sequence[str]) -> tuple[Segment, ...]:
        """The pieces of one row over a history that shows these images."""
        if not images:
            return tuple(segments)
        left = iter(images)
        made = tuple(
            Segment(text="".join(self._stretches(segment.text, left)), trained=segment.trained) for segment in segments
        )
        written = sum(segment.text.count(self._marks.placeholder) for segment in segments)
        if written != len(images):
            raise ChatFormatError(
                f"the template writes {written} images where the history shows {len(images)}; mend the chat template"
            )
        return made

    def _stretches(self, text: str, images: Iterator[str]) -> Iterator[str]:
        first, *others = text.split(self._marks.placeholder)
        yield first
        for behind in others:
            image = next(images, None)
            yield "" if image is None else self._text(image)
            yield behind

    def _text_of(self, image: str) -> str:
        from PIL import Image

        with Image.open(image_file(self._folder, image)) as opened:
            width, height = opened.size
        counted = self._processor._get_num_multimodal_tokens(image_sizes=[[height, width]])
        tokens: int = counted["num_image_tokens"][0]
        return self._marks.opens + self._marks.placeholder * tokens + self._marks.closes
