"""Chat text as token ids with a loss mask.

Invariant: ids equal those of the whole text encoded at once, by the structure of the tokenizer: an added token is
matched before anything else, so it is a hard border, and the text between two borders is encoded by itself. Each
distinct stretch (a system prompt, a catalog line, an opening) is therefore encoded once and its ids are reused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolft_pipeline.chat.chat_format import ChatFormat, TokenClass
from toolft_pipeline.chat.rendering import Piece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_LOSS = -100
"""The label that PyTorch's cross entropy ignores."""

CACHED_CHARACTERS = 8_000_000
"""Text whose ids are remembered, about 100 MB; then the memory is emptied and fills again."""


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
        self._known: dict[str, list[int]] = {}
        self._characters = 0

    def encode(self, text: str) -> list[int]:
        """Ids of a text, no token added."""
        ids: list[int] = []
        for chunk in self._borders.split(text):
            if chunk:
                ids += self._known.get(chunk) or self._learn(chunk)
        return ids

    def encode_row(self, pieces: Iterable[Piece]) -> TokenRow:
        """Ids and labels of a row. An assistant turn starts afresh on both sides, as a server's split has it."""
        input_ids: list[int] = []
        labels: list[int] = []
        for piece in pieces:
            ids = self.encode(piece.text)
            input_ids += ids
            labels += ids if piece.trained else [NO_LOSS] * len(ids)
        return TokenRow(input_ids=input_ids, labels=labels)

    def _learn(self, chunk: str) -> list[int]:
        self._characters += len(chunk)
        if self._characters > CACHED_CHARACTERS:
            self._known.clear()
            self._characters = len(chunk)
        ids: list[int] = self._encode(chunk, add_special_tokens=False).ids
        self._known[chunk] = ids
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
