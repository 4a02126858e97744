"""What the local server "generates", and what it sends in place of an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

Script = Callable[[tuple[int, ...], str], int]
"""The next token from prompt and answer so far, and the adapter ("" is the base)."""


def hashed(folder: Path, *, stop: int, every: int = 12) -> Script:
    """Tokens that depend on every id before them; about every `every`-th is the stop token.

    Single bytes are left out: at random they are no UTF-8, which no decoder can stream.
    """
    names = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    vocabulary = sorted(id_ for name, id_ in names.items() if not name.startswith("<0x") and id_ != stop)

    def next_token(ids: tuple[int, ...], adapter: str) -> int:
        drawn = int.from_bytes(hashlib.sha256(f"{adapter} {ids}".encode()).digest()[:8], "big")
        return stop if drawn % every == 0 else vocabulary[drawn // every % len(vocabulary)]

    return next_token


def spelled(folder: Path, *, stop: int) -> Script:
    """An answer that says which adapter writes it: `said_by` as text."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def next_token(ids: tuple[int, ...], adapter: str) -> int:
        answer = tuple(tokenizer.encode(said_by(adapter), add_special_tokens=False).ids)
        written = max(n for n in range(len(answer) + 1) if n == 0 or ids[-n:] == answer[:n])
        return answer[written] if written < len(answer) else stop

    return next_token


def said_by(adapter: str) -> str:
    """What an adapter answers to everything; "" is the base."""
    return f"written by {adapter or 'the base'}"


@dataclass(frozen=True)
class Fault:
    """What is sent in place of a whole answer."""

    status: int = 200
    message: str = "the server's own words"
    type: str = "BadRequestError"
    after: int | None = None
    """Tokens that are sent before the stream is `cut` (connection closed), `error` (error document),
    `done` (without a finish reason) or `hang`s."""
    kind: str = "cut"
