"""What a server makes of a conversation with pictures: the family's own processor, run on the pictures themselves.

Invariant: nothing here reckons how wide an image is. The prompt comes from the processor's `apply_chat_template`, the
number of an image's tokens from the tensors that its image processor makes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from transformers import ProcessorMixin

PICTURES = 32
"""Decoded pictures that are kept: the turns of one run look at the same ones again."""


class ImageServer:
    """A processor around the saved tokenizer, and a folder of pictures under their hashes."""

    def __init__(self, *, processor: ProcessorMixin, folder: Path) -> None:
        self._processor, self._folder = processor, folder
        self._picture = lru_cache(PICTURES)(self._load)
        self._tokens: dict[str, int] = {}

    def prompt(self, messages: list[dict[str, Any]], *, tools: list[dict[str, Any]] | None) -> list[int]:
        """Ids of the prompt before the next turn, from messages whose pictures stand there by their hashes."""
        shown = [{**message, "content": self._with_pictures(message["content"])} for message in messages]
        served = self._processor.apply_chat_template(
            shown, tools=tools, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return [int(token) for token in served["input_ids"][0]]

    def tokens(self, sha256: str) -> int:
        """How many tokens a picture takes."""
        if sha256 not in self._tokens:
            made = self._processor(text=self._processor.image_token, images=[self._picture(sha256)])
            row = [int(token) for token in made["input_ids"][0]]
            self._tokens[sha256] = row.count(self._processor.image_token_id)
        return self._tokens[sha256]

    def _with_pictures(self, content: Any) -> Any:
        if not isinstance(content, list):
            return content
        return [{**part, "image": self._picture(part["image"])} if "image" in part else part for part in content]

    def _load(self, sha256: str) -> Image:
        from PIL import Image

        with Image.open(self._folder / sha256) as picture:
            return picture.convert("RGB")
