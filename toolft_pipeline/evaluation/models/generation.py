"""The generator protocol: prompts in, texts out.

Invariant: a prompt has one answer: decoding is greedy, or draws by a seed (`Sampling`). A repeated prompt (a rollout
that follows the gold run) is answered from a cache, so steps and rollouts never disagree about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Generation(Struct, frozen=True, kw_only=True):
    """One answer. `text` ends before the stop token; `finished` is False if there was none.

    `latency_ms` is the time from when the prompt is read to the answer's last token; `batch_rows` is how many prompts
    were decoded side by side at most, 1 for a request alone. `busy_ms` is its share of machine time: the batch's wall
    time divided evenly over its rows.
    """

    text: str
    n_prompt_tokens: int
    n_new_tokens: int
    latency_ms: float
    busy_ms: float = 0.0
    finished: bool = True
    batch_rows: int = 1


class Sampling(Struct, frozen=True, kw_only=True):
    """Draw tokens at a temperature. `repeat` is the number of the drawing: another one gives other answers."""

    temperature: float
    repeat: int

    def seed(self, prompt: Sequence[int]) -> int:
        """The seed of one prompt: of its ids and the repeat, so the batch and the order of prompts play no part."""
        text = f"{self.repeat}:" + " ".join(map(str, prompt))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


class Generator(Protocol):
    """Answers prompts given as token ids, in order."""

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """One answer for each prompt."""


class CachingGenerator(Generator):
    """Passes each distinct prompt to another generator once."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._cache: dict[tuple[int, ...], Generation] = {}

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answer in the order of the prompts."""
        keys = [tuple(prompt) for prompt in prompts]
        new = [key for key in dict.fromkeys(keys) if key not in self._cache]
        if new:
            self._cache.update(zip(new, self._generator.generate(new), strict=True))
        return [self._cache[key] for key in keys]
