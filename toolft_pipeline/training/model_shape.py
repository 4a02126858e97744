"""The shape of a base model, read from its folder without loading a weight.

Invariant: shapes come from the model's own config and the headers of its weights, never from a table of models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base_config import load_config
from toolft_pipeline.training.snapshot import header, weight_files


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Sizes of the language model, and how many parameters there are of each kind."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    head: int
    """Elements of one attention head."""
    vocabulary: int
    linear: int
    """Parameters of the linear layers inside the blocks: quantized where asked for."""
    other: int
    """All other parameters: embeddings, output head, norms."""
    adapter: int
    """Parameters of the adapter that the settings ask for."""


def read_shape(base: Path, training: TrainingSettings) -> ModelShape:
    """Read config.json and the headers of the weights."""
    config = load_config(base).get_text_config()
    linear = other = adapter = 0
    for name, shape in _tensors(base):
        matrix = len(shape) == 2
        if matrix and ".layers." in name:
            linear += math.prod(shape)
        else:
            other += math.prod(shape)
        if matrix and name.removesuffix(".weight").rpartition(".")[2] in training.target_modules:
            adapter += training.lora_r * sum(shape)
    heads = config.num_attention_heads
    return ModelShape(
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=heads,
        key_value_heads=getattr(config, "num_key_value_heads", None) or heads,
        head=getattr(config, "head_dim", None) or config.hidden_size // heads,
        vocabulary=config.vocab_size,
        linear=linear,
        other=other,
        adapter=adapter,
    )


def _tensors(base: Path) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tensor.shape) for path in weight_files(base) for name, tensor in header(path).items()]
