"""Prompts in, texts out: what evaluation asks of a model, whoever runs it.

Invariant: decoding is greedy, so one prompt has one answer. A prompt that comes again (a rollout that has gone as
the oracle's run went) is answered from memory, and steps and rollouts can never disagree about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Generation(Struct, frozen=True, kw_only=True):
    """One answer. `text` ends before the stop token; `finished` says that there was one.

    `latency_ms` is what a request waits: from its batch's start to its own last token. `busy_ms` is its share of the
    machine: the batch's wall time divided evenly over its rows.
    """

    text: str
    n_prompt_tokens: int
    n_new_tokens: int
    latency_ms: float
    busy_ms: float = 0.0
    finished: bool = True


class Generator(Protocol):
    """Anything that answers prompts given as token ids, in order."""

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """One answer for each prompt, greedy."""


class CachingGenerator(Generator):
    """Asks another generator each distinct prompt once."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._known: dict[tuple[int, ...], Generation] = {}

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answers in the order of the prompts."""
        keys = [tuple(prompt) for prompt in prompts]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        if new:
            self._known.update(zip(new, self._generator.generate(new), strict=True))
        return [self._known[key] for key in keys]
