"""The prompt that a server makes of a conversation with images, by the family's own processor on the images themselves.

Invariant: the number of an image's tokens is not computed here. The prompt comes from the processor's
`apply_chat_template`, the number of tokens from the tensors that its image processor makes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from transformers import ProcessorMixin

CACHED_IMAGES = 32
"""Decoded images in the cache; the turns of one run show the same ones again."""


class ImageServer:
    """Serves prompts with a processor around the saved tokenizer."""

    def __init__(self, *, processor: ProcessorMixin, folder: Path) -> None:
        """`folder` holds the images under their hashes."""
        self._processor, self._folder = processor, folder
        self._image = lru_cache(CACHED_IMAGES)(self._load)
        self._token_counts: dict[str, int] = {}

    def prompt(self, messages: list[dict[str, Any]], *, tools: list[dict[str, Any]] | None) -> list[int]:
        """Ids of the prompt before the next turn, from messages that give images by their hashes."""
        loaded = [{**message, "content": self._with_images(message["content"])} for message in messages]
        served = self._processor.apply_chat_template(
            loaded, tools=tools, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return [int(token) for token in served["input_ids"][0]]

    def token_count(self, sha256: str) -> int:
        """Number of tokens of an image."""
        if sha256 not in self._token_counts:
            encoded = self._processor(text=self._processor.image_token, images=[self._image(sha256)])
            ids = [int(token) for token in encoded["input_ids"][0]]
            self._token_counts[sha256] = ids.count(self._processor.image_token_id)
        return self._token_counts[sha256]

    def _with_images(self, content: Any) -> Any:
        if not isinstance(content, list):
            return content
        return [{**part, "image": self._image(part["image"])} if "image" in part else part for part in content]

    def _load(self, sha256: str) -> Image:
        from PIL import Image

        with Image.open(self._folder / sha256) as image:
            return image.convert("RGB")
