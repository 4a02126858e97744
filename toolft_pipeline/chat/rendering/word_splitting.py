"""Where text may be cut before it is encoded without changing its ids: before spaces, for vocabularies like Gemma's.

Invariant: a cut is made only where no piece of the vocabulary reaches across. A BPE without a split of its own
merges over whole texts, so a word costs its merges each time that it occurs; cut into words, each is encoded once.
Gemma 3's pieces hold the space mark in front, with one exception of 262,144 (`>▁</`): no cut is made behind `>`.
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
"""Characters behind which no cut is made; a vocabulary with more of them has no such structure."""


@dataclass(frozen=True, kw_only=True)
class WordSplitter:
    """A tokenizer whose text may be cut into words."""

    pattern: re.Pattern[str]
    """Its matches, side by side, are the text."""
    added: re.Pattern[str]
    """What every added token begins with."""
    backend: Tokenizer
    model: Model

    def cut(self, text: str) -> list[str]:
        """The text in pieces."""
        return self.pattern.findall(text)

    def encode(self, word: str) -> list[int]:
        """Ids of a piece: by the model alone where no added token can stand in it, which is four times as quick."""
        if self.added.search(word):
            ids: list[int] = self.backend.encode(word, add_special_tokens=False).ids
            return ids
        return [token.id for token in self.model.tokenize(word.replace(" ", SPACE))]


@lru_cache(maxsize=4)
def word_splitter(tokenizer: PreTrainedTokenizerBase) -> WordSplitter | None:
    """How a tokenizer's text may be cut; None where it is of another kind.

    Reads the whole vocabulary (a second for Gemma's), so it is kept: days are encoded one after the other.
    """
    if not _merges_over_spaces(tokenizer):
        return None
    crossing = re.compile(f"([^{SPACE}]){SPACE}")
    joining = {found for piece in tokenizer.get_vocab() for found in crossing.findall(piece)}
    if len(joining) > MAX_JOINING_CHARACTERS:
        return None
    space, other = f"[ {SPACE}]", f"[^ {SPACE}]"
    behind = re.escape("".join(sorted(joining)))
    goes_on = f"(?:(?<=[{behind}]){space}+{other}*)*" if joining else ""
    first = {token.content[0] for token in tokenizer.added_tokens_decoder.values()}
    backend = tokenizer.backend_tokenizer
    return WordSplitter(
        pattern=re.compile(f"{space}*{other}+{goes_on}|{space}+"),
        added=re.compile(f"[{re.escape(''.join(sorted(first)))}]" if first else "(?!)"),
        backend=backend,
        model=backend.model,
    )


def _merges_over_spaces(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer is a plain BPE over text whose spaces are marks, with added tokens that match literally."""
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
