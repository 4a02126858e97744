"""When a generation ends, and the text of its tokens: one rule for evaluation and for serving."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

STOP_TOKENS = 8
"""Tokens that a stop text may span."""


class StopRule:
    """The stops of a format: single special tokens by id, all others as texts."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> None:
        special = {str(token): id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._tokenizer = tokenizer
        self.ids = frozenset(special[stop] for stop in stops if stop in special)
        self.texts = tuple(stop for stop in stops if stop not in special)

    @functools.cached_property
    def byte_ids(self) -> frozenset[int]:
        """Tokens of a single byte, in tokenizers that fall back to bytes."""
        names = [f"<0x{byte:02X}>" for byte in range(256)]
        known = zip(self._tokenizer.convert_tokens_to_ids(names), names, strict=True)
        return frozenset(
            id_ for id_, name in known if id_ is not None and self._tokenizer.convert_ids_to_tokens(id_) == name
        )

    def ends(self, tokens: Sequence[int]) -> bool:
        """Whether the last token is a stop token, or the last few end in a stop text."""
        if tokens[-1] in self.ids:
            return True
        tail = self.decode(tokens[-STOP_TOKENS:]) if self.texts else ""
        return any(stop in tail for stop in self.texts)

    def text(self, tokens: Sequence[int]) -> str:
        """The text before the stop, special tokens written out."""
        text = self.decode(tokens[:-1] if tokens[-1] in self.ids else tokens)
        for stop in self.texts:
            text = text.split(stop, 1)[0]
        return text

    def decode(self, tokens: Sequence[int]) -> str:
        """Tokens as text, special tokens written out."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))
