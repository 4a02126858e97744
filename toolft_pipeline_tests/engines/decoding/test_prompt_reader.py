"""Prompts read together have the keys and values that transformers computes for each alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from transformers import DynamicCache

from toolft_pipeline.engines.decoding.prompt_reader import read_prompts, saves_time
from toolft_pipeline.engines.decoding.slot_cache import KeyValues
from toolft_pipeline_tests.engines.decoded_models import TinyModel, drawn_ids


def alone(tiny: TinyModel, ids: Sequence[int]) -> KeyValues:
    """By the whole model, one prompt, one pass, no mask."""
    cache = DynamicCache()
    with torch.inference_mode():
        tiny.model(torch.tensor([list(ids)]), past_key_values=cache, use_cache=True)
    return [(layer.keys, layer.values) for layer in cache.layers]


def cut(layers: KeyValues, length: int) -> KeyValues:
    return [(keys[:, :, :length], values[:, :, :length]) for keys, values in layers]


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 20)],
        [(0, 150)],
        [(0, 20), (0, 45), (0, 3)],
        [(40, 10), (40, 25), (90, 60)],
        [(100, 2), (0, 30), (16, 1)],
        [(64, 7), (0, 90)],
    ],
    ids=str,
)
def test_keys_and_values_are_those_of_each_prompt_alone(tiny: TinyModel, parts: list[tuple[int, int]]) -> None:
    """Parts are (known tokens, new tokens); the sliding windows of 32 or 64 are shorter than some prompts."""
    drawn = random.Random(1)
    prompts = [drawn_ids(drawn, known + new) for known, new in parts]
    wanted = [alone(tiny, ids) for ids in prompts]
    known = [cut(layers, held) if held else [] for layers, (held, _) in zip(wanted, parts, strict=True)]
    with torch.inference_mode():
        found = read_prompts(tiny.model, prompts, known)
    for one, other in zip(found, wanted, strict=True):
        for layer, expected in zip(one, other, strict=True):
            torch.testing.assert_close(layer, expected, rtol=1e-4, atol=1e-5)


def test_an_empty_prompt_has_keys_and_values_of_no_tokens(gemma: TinyModel) -> None:
    with torch.inference_mode():
        [layers] = read_prompts(gemma.model, [()], [[]])
    assert {keys.shape[2] for keys, _ in layers} == {0}


def test_prompts_are_read_together_while_padding_costs_less_than_a_pass() -> None:
    assert saves_time(5, longest=5, n_prompts=20)
    assert saves_time(30, longest=60, n_prompts=1)
    assert not saves_time(5, longest=200, n_prompts=1)
    assert not saves_time(60, longest=20, n_prompts=3)
