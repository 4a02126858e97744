"""Encode chat text into token ids with a loss mask, and cache the ids of repeated text.

Invariant: ids equal those of the whole text encoded at once. A tokenizer matches added tokens before anything else, so
each one is a hard border, and the text between two borders is encoded independently. Each distinct chunk (a system
prompt, a catalog line, an opening) is therefore encoded once and its ids are reused; so is each distinct word, where
the vocabulary allows splitting there (`word_splitting`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolft_pipeline.chat.formats.chat_format import ChatFormat, TokenClass
from toolft_pipeline.chat.rendering.catalog_text import common_prefix_length
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.chat.rendering.word_splitting import word_splitter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_LOSS = -100
"""The label that PyTorch's cross entropy ignores."""

CACHE_LIMIT_CHARACTERS = 8_000_000
"""Characters whose ids are cached, about 100 MB; above it the cache is cleared."""

LONG_TEXT = 2_000
"""Characters from which an opening that two texts share (system prompt and catalog) is cached as a whole."""


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """Ids of a row and its labels: the id itself where the token carries loss, -100 elsewhere."""

    input_ids: list[int]
    labels: list[int]


class RowEncoder:
    """Encodes segments of chat text and caches the ids of every chunk between two borders."""

    def __init__(self, *, tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat) -> None:
        self._encode = tokenizer.backend_tokenizer.encode
        self._borders = re.compile(f"({'|'.join(_borders(tokenizer, chat_format))})")
        self._words = word_splitter(tokenizer)
        self._cache: dict[str, list[int]] = {}
        self._opening: tuple[str, list[int]] = ("", [])
        self._last_long = ""
        self._characters = 0

    def encode(self, text: str) -> list[int]:
        """Ids of a text, no token added."""
        if len(text) < LONG_TEXT:
            return self._encoded(text)
        opening, ids = self._opening
        if not opening or not text.startswith(opening) or text.startswith("\n", len(opening)):
            self._cache_opening(text)
            return self._encoded(text)
        return ids + self._encoded(text[len(opening) :])

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = []
        for chunk in self._borders.split(text):
            if chunk:
                ids += self._cache.get(chunk) or self._encode_chunk(chunk)
        return ids

    def _cache_opening(self, text: str) -> None:
        """Cache the opening that this text shares with the last long one, up to the last border inside it."""
        shared, self._last_long = common_prefix_length(text, self._last_long), text
        ends = [border.end() for border in self._borders.finditer(text, 0, shared) if border.end() < shared]
        if ends and ends[-1] >= LONG_TEXT:
            self._opening = text[: ends[-1]], self._encoded(text[: ends[-1]])

    def encode_row(self, segments: Iterable[Segment]) -> TokenRow:
        """Ids and labels of a row. Each segment is encoded by itself, as a server encodes prompt and answer apart."""
        input_ids: list[int] = []
        labels: list[int] = []
        for segment in segments:
            ids = self.encode(segment.text)
            input_ids += ids
            labels += ids if segment.trained else [NO_LOSS] * len(ids)
        return TokenRow(input_ids=input_ids, labels=labels)

    def _encode_chunk(self, chunk: str) -> list[int]:
        if self._words is None:
            return self._store(chunk, self._encode(chunk, add_special_tokens=False).ids)
        ids: list[int] = []
        for word in self._words.split(chunk):
            ids += self._cache.get(word) or self._store(word, self._words.encode(word))
        return self._store(chunk, ids)

    def _store(self, text: str, ids: list[int]) -> list[int]:
        self._characters += len(text)
        if self._characters > CACHE_LIMIT_CHARACTERS:
            self._cache.clear()
            self._characters = len(text)
        self._cache[text] = ids
        return ids


def _borders(tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat) -> list[str]:
    """Patterns of the borders: control tokens that match literally, and newline runs where those are added tokens."""
    literal = [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if not (token.normalized or token.lstrip or token.rstrip or token.single_word)
    ]
    borders = [
        re.escape(token)
        for token in literal
        if token in chat_format.control_strings and chat_format.classify(token) is TokenClass.CONTROL
    ]
    with_newline = [token for token in literal if "\n" in token]
    if "\n" in with_newline and all(set(token) == {"\n"} for token in with_newline):
        borders.append(r"\n+")
    return borders
