"""Split text into words before encoding, without changing its ids: before spaces, for vocabularies like Gemma's.

Invariant: text is split only where no token of the vocabulary spans the split. A BPE without a pre-tokenizer merges
over the whole text, so each occurrence of a word repeats its merges; split into words, each is encoded once. Gemma 3's
tokens have the space mark in front, with one exception of 262,144 (`>▁</`), so text is not split after `>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Model
    from transformers import PreTrainedTokenizerBase

SPACE = "\u2581"
"""The mark that SentencePiece writes for a space."""

MAX_JOINING_CHARACTERS = 20
"""Most characters after which text is not split; a vocabulary with more of them is not split at all."""


@dataclass(frozen=True, kw_only=True)
class WordSplitter:
    """Splits and encodes the text of one tokenizer."""

    pattern: re.Pattern[str]
    """Matches the words; joined, they are the text."""
    added: re.Pattern[str]
    """Matches the first character of every added token."""
    backend: Tokenizer
    model: Model

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        return self.pattern.findall(text)

    def encode(self, word: str) -> list[int]:
        """Ids of a word, from the BPE model alone where it can hold no added token, which is four times as fast."""
        if self.added.search(word):
            ids: list[int] = self.backend.encode(word, add_special_tokens=False).ids
            return ids
        return [token.id for token in self.model.tokenize(word.replace(" ", SPACE))]


@lru_cache(maxsize=4)
def word_splitter(tokenizer: PreTrainedTokenizerBase) -> WordSplitter | None:
    """The splitter for a tokenizer; None where its text cannot be split.

    Reads the whole vocabulary (a second for Gemma's); cached, because a run encodes many days.
    """
    if not _merges_over_spaces(tokenizer):
        return None
    crossing = re.compile(f"([^{SPACE}]){SPACE}")
    joining = {character for token in tokenizer.get_vocab() for character in crossing.findall(token)}
    if len(joining) > MAX_JOINING_CHARACTERS:
        return None
    space, other = f"[ {SPACE}]", f"[^ {SPACE}]"
    before = re.escape("".join(sorted(joining)))
    continued = f"(?:(?<=[{before}]){space}+{other}*)*" if joining else ""
    first = {token.content[0] for token in tokenizer.added_tokens_decoder.values()}
    backend = tokenizer.backend_tokenizer
    return WordSplitter(
        pattern=re.compile(f"{space}*{other}+{continued}|{space}+"),
        added=re.compile(f"[{re.escape(''.join(sorted(first)))}]" if first else "(?!)"),
        backend=backend,
        model=backend.model,
    )


def _merges_over_spaces(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer is a BPE over whole texts, with marks for spaces and added tokens that match literally."""
    from tokenizers import models, normalizers, pre_tokenizers

    backend = tokenizer.backend_tokenizer
    model, normalizer, split = backend.model, backend.normalizer, backend.pre_tokenizer
    if not isinstance(model, models.BPE) or model.dropout or model.continuing_subword_prefix or model.ignore_merges:
        return False
    if not isinstance(normalizer, normalizers.Replace) or normalizer.normalize_str(" a  b") != f"{SPACE}a{SPACE * 2}b":
        return False
    if split is not None:
        marked = f"{SPACE}a{SPACE * 2}b, c"
        if not isinstance(split, pre_tokenizers.Split) or len(split.pre_tokenize_str(marked.replace(" ", SPACE))) > 1:
            return False
    return not any(
        token.normalized or token.lstrip or token.rstrip or token.single_word or re.search(f"[ {SPACE}]", token.content)
        for token in tokenizer.added_tokens_decoder.values()
    )
