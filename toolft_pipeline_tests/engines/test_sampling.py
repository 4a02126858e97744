"""Draws follow the distribution and a seed repeats them; the nucleus is the smallest that reaches `top_p`."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from toolft_pipeline.engines.engine import DecodeRequest, EngineError
from toolft_pipeline.engines.sampling import Sampler

CHANCES = (0.5, 0.25, 0.15, 0.07, 0.03)
DRAWS = 4000


def drawn(logits: torch.Tensor, **asked: float) -> Counter[int]:
    sampler = Sampler(DecodeRequest(ids=(1,), max_new_tokens=1, seed=1, **asked))  # type: ignore[arg-type]
    return Counter(sampler.choose(logits) for _ in range(DRAWS))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_at_a_temperature(temperature: float) -> None:
    weights = [chance ** (1 / temperature) for chance in CHANCES]
    counts = drawn(torch.tensor(CHANCES).log(), temperature=temperature)
    for token, weight in enumerate(weights):
        expected = weight / sum(weights)
        assert abs(counts[token] / DRAWS - expected) < 5 * (expected * (1 - expected) / DRAWS) ** 0.5


@pytest.mark.parametrize(("top_p", "kept"), [(1.0, 5), (0.9, 3), (0.76, 3), (0.74, 2), (0.4, 1), (0.0, 1)])
def test_top_p_keeps_the_smallest_nucleus(top_p: float, kept: int) -> None:
    order = [3, 0, 4, 1, 2]
    logits = torch.empty(5)
    for rank, token in enumerate(order):
        logits[token] = torch.tensor(CHANCES[rank]).log()
    assert set(drawn(logits, temperature=1.0, top_p=top_p)) == set(order[:kept])


def test_seeds_repeat_and_differ() -> None:
    logits = torch.zeros(1000)

    def tokens(seed: int | None) -> list[int]:
        sampler = Sampler(DecodeRequest(ids=(1,), max_new_tokens=1, temperature=1.0, seed=seed))
        return [sampler.choose(logits) for _ in range(20)]

    assert tokens(1) == tokens(1)
    assert tokens(1) != tokens(2)
    assert tokens(None) != tokens(None)


def test_a_grammar_that_allows_nothing_is_an_error() -> None:
    class Nothing:
        def allowed(self, logits: torch.Tensor) -> torch.Tensor:
            return logits.fill_(-torch.inf)

        def accept(self, token: int) -> None: ...

    for temperature in (0.0, 1.0):
        sampler = Sampler(DecodeRequest(ids=(1,), max_new_tokens=1, temperature=temperature), Nothing())
        with pytest.raises(EngineError, match="allows no token"):
            sampler.choose(torch.zeros(10))
