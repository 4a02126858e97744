"""The bytes that each token of a tokenizer stands for.

Invariant: only the tokenizer's special tokens stand for no text. llguidance's own reader also takes added tokens in
angle brackets for special (Gemma's `<table>`, Qwen3's `<tool_call>`), and would forbid them in every answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolft_pipeline.engines.engine import EngineError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_WORD_BORDER = "\u2581"


class TokenBytes:
    """What llguidance wants to know of a tokenizer (its `TokenizerWrapper`)."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, ends: list[int]) -> None:
        """`ends` are the tokens that end a turn. Raises `EngineError` for a kind of tokenizer that is not known."""
        self.eos_token_id = ends[0]
        self.bos_token_id = tokenizer.bos_token_id
        self.tokens = _tokens(tokenizer)
        self.special_token_ids = [id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special]
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> list[int]:
        """The ids of a text."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _tokens(tokenizer: PreTrainedTokenizerBase) -> list[bytes]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = "" if backend is None else backend.decoder.__getstate__().decode()
    if '"ByteLevel"' in decoder:
        alphabet = _byte_level_alphabet()
    elif '"ByteFallback"' in decoder:
        alphabet = None
    else:
        raise EngineError("constrained decoding: the tokenizer is neither byte-level nor has it byte fallback")
    vocabulary = tokenizer.get_vocab()
    tokens = [b""] * (max(vocabulary.values()) + 1)
    for text, id_ in vocabulary.items():
        tokens[id_] = _fallback_bytes(text) if alphabet is None else bytes(alphabet.get(char, 63) for char in text)
    for id_, token in tokenizer.added_tokens_decoder.items():
        tokens[id_] = str(token).encode()
    return tokens


def _fallback_bytes(text: str) -> bytes:
    """A token of SentencePiece's kind: a byte (`<0x0A>`), or text with a mark for the space."""
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return bytes([int(text[3:5], 16)])
    return text.replace(_WORD_BORDER, " ").encode()


def _byte_level_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level token stands for (GPT-2's table)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}
