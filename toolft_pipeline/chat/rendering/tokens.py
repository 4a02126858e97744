"""Chat text as token ids with a loss mask.

Invariant: ids equal those of the whole text encoded at once, by the structure of the tokenizer: an added token is
matched before anything else, so it is a hard border, and the text between two borders is encoded by itself. Each
distinct stretch (a system prompt, a catalog line, an opening) is therefore encoded once and its ids are reused; so is
each distinct word, where the vocabulary lets text be cut there (`word_borders`).
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
"""Text whose ids are remembered, about 100 MB; then the memory is emptied and fills again."""

LONG_TEXT = 2_000
"""Characters from which an opening that two texts share (system prompt and catalog) is worth remembering whole."""


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """Ids of a row and its labels: the id itself where loss is taken, -100 elsewhere."""

    input_ids: list[int]
    labels: list[int]


class RowEncoder:
    """Encodes pieces of chat text, remembering the ids of every stretch between two borders."""

    def __init__(self, *, tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat) -> None:
        self._encode = tokenizer.backend_tokenizer.encode
        self._borders = re.compile(f"({'|'.join(_borders(tokenizer, chat_format))})")
        self._words = word_splitter(tokenizer)
        self._known: dict[str, list[int]] = {}
        self._opening: tuple[str, list[int]] = ("", [])
        self._last_long = ""
        self._characters = 0

    def encode(self, text: str) -> list[int]:
        """Ids of a text, no token added."""
        if len(text) < LONG_TEXT:
            return self._encoded(text)
        opening, ids = self._opening
        if not opening or not text.startswith(opening) or text.startswith("\n", len(opening)):
            self._learn_opening(text)
            return self._encoded(text)
        return ids + self._encoded(text[len(opening) :])

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = []
        for chunk in self._borders.split(text):
            if chunk:
                ids += self._known.get(chunk) or self._learn(chunk)
        return ids

    def _learn_opening(self, text: str) -> None:
        """Remember what this text and the last long one open with, up to a border that ends within what they share."""
        shared, self._last_long = common_prefix_length(text, self._last_long), text
        ends = [found.end() for found in self._borders.finditer(text, 0, shared) if found.end() < shared]
        if ends and ends[-1] >= LONG_TEXT:
            self._opening = text[: ends[-1]], self._encoded(text[: ends[-1]])

    def encode_row(self, segments: Iterable[Segment]) -> TokenRow:
        """Ids and labels of a row. An assistant turn starts afresh on both sides, as a server's split has it."""
        input_ids: list[int] = []
        labels: list[int] = []
        for segment in segments:
            ids = self.encode(segment.text)
            input_ids += ids
            labels += ids if segment.trained else [NO_LOSS] * len(ids)
        return TokenRow(input_ids=input_ids, labels=labels)

    def _learn(self, chunk: str) -> list[int]:
        if self._words is None:
            return self._remember(chunk, self._encode(chunk, add_special_tokens=False).ids)
        ids: list[int] = []
        for word in self._words.cut(chunk):
            ids += self._known.get(word) or self._remember(word, self._words.encode(word))
        return self._remember(chunk, ids)

    def _remember(self, text: str, ids: list[int]) -> list[int]:
        self._characters += len(text)
        if self._characters > CACHE_LIMIT_CHARACTERS:
            self._known.clear()
            self._characters = len(text)
        self._known[text] = ids
        return ids


def _borders(tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat) -> list[str]:
    """Patterns of the borders: control tokens that match literally, and runs of newlines where those are tokens."""
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
