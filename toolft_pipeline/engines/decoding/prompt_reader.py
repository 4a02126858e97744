"""Keys and values of prompts: several prompts in one pass of the model, and without its head.

A pass over 30 tokens of one prompt takes hardly longer than over 5, because the weights are read from memory once.

Invariant: the last token of every prompt lies in the same column, so padding is only at the far left of a row and a
sliding window sees no gap. So a prompt with fewer new tokens than the others computes some of its known ones again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolft_pipeline.engines.decoding.slot_cache import KeyValues, cached_layers

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedModel

PASS_COST = 40
"""What a pass costs beside its tokens, in tokens. Gemma 3 270M on two CPU cores: 30 ms for 5 tokens, 71 ms for 64, so
0.7 ms a token and 27 ms beside them (bfloat16); with AVX2 alone 52 and 122 ms, which is the same in tokens."""


def saves_time(n_new: int, longest: int, n_prompts: int) -> bool:
    """Whether a prompt of so many new tokens is read sooner in a pass with others than in one of its own, although all
    are padded to the longest."""
    return (n_prompts + 1) * max(longest, n_new) - n_prompts * longest <= n_new + PASS_COST


def read_prompts(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], known: Sequence[KeyValues]
) -> list[KeyValues]:
    """Keys and values of each prompt's tokens; `known` are those of its first tokens, and may be empty.

    A prompt may be empty.
    """
    import torch

    held = [layers[0][0].shape[2] if layers else 0 for layers in known]
    new = max(1, *(len(ids) - n for ids, n in zip(prompts, held, strict=True)))
    width = max(new, *map(len, prompts))
    rows = [[0] * (width - len(ids)) + list(ids) for ids in prompts]
    lengths = torch.tensor([len(ids) for ids in prompts], device=model.device)
    columns = torch.arange(width, device=model.device)
    positions = (columns - (width - lengths)[:, None])[:, width - new :]
    cache = _cache(prompts, known, width=width, new=new)
    model.base_model(
        input_ids=torch.tensor([row[width - new :] for row in rows], device=model.device),
        attention_mask=(columns >= (width - lengths)[:, None]).long(),
        position_ids=positions.clamp(min=0),
        past_key_values=cache,
        use_cache=True,
    )
    layers = cached_layers(cache)
    return [
        [(_own(keys, row, width - len(ids)), _own(values, row, width - len(ids))) for keys, values in layers]
        for row, ids in enumerate(prompts)
    ]


def _own(tensor: torch.Tensor, row: int, first: int) -> torch.Tensor:
    """One row without padding: a copy, unless it is all there is."""
    part = tensor[row : row + 1, :, first:]
    return part if part.shape == tensor.shape else part.clone()


def _cache(prompts: Sequence[Sequence[int]], known: Sequence[KeyValues], *, width: int, new: int) -> Cache:
    """The cache of the pass, with the known tokens before the last `new` columns. Every layer keeps every token:
    sliding windows are masks."""
    from transformers import DynamicCache

    if width == new:
        return DynamicCache()
    layers: list[Any] = []
    for number, like in enumerate(next(layers for layers in known if layers)):
        made = []
        for part, tensor in enumerate(like):
            _, heads, _, size = tensor.shape
            kept = tensor.new_zeros(len(prompts), heads, width - new, size)
            for row, (ids, own) in enumerate(zip(prompts, known, strict=True)):
                if len(ids) > new:
                    kept[row, :, width - len(ids) :] = own[number][part][0, :, : len(ids) - new]
            made.append(kept)
        layers.append((made[0], made[1]))
    return DynamicCache(ddp_cache_data=layers)
