"""How much memory training needs at its peak, from the model's shape and the rows that were drawn.

The activation formula was fitted to Gemma 3 270M on a CPU, where it holds within 15 %; see benchmarks/training.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.model_shape import ModelShape
from toolft_pipeline.training.quantized import EAGER_TOKENS
from toolft_pipeline.training.sft import packed_length

LIBRARIES_BYTES = 1.0e9
"""Resident size of a process that has imported torch, transformers, trl and datasets."""

LM_HEAD_TILE = 4096 * 32_768
"""Loss positions times vocabulary that TRL projects at a time, at most."""


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes by what holds them."""

    weights: float
    adapter: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """Bytes needed at the peak, libraries included."""
        return LIBRARIES_BYTES + 1.1 * (self.weights + self.adapter + self.activations + self.logits)  # fragmentation

    @property
    def text(self) -> str:
        """The figures in one line."""
        parts = {
            "libraries": LIBRARIES_BYTES,
            "weights": self.weights,
            "adapter and optimizer": self.adapter,
            "activations": self.activations,
            "logits": self.logits,
        }
        figures = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts.items())
        return f"about {self.total / 1e9:.1f} GB ({figures})"


def estimate_memory(
    *, shape: ModelShape, drawn: Drawn, training: TrainingSettings, compute: ComputeType
) -> MemoryEstimate:
    """Estimate the peak from settings, rows and the number type that is computed in."""
    length = packed_length(drawn, training)
    tokens = length * training.batch_size
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    return MemoryEstimate(
        weights=shape.linear * (0.53 if training.quantization == "nf4" else compute.bytes)
        + shape.other * compute.bytes,
        adapter=shape.adapter * 16.0,  # float32 weight, gradient, two moments
        activations=tokens * _activations(shape, length=length, dropout=training.lora_dropout > 0),
        logits=min(tokens * share * 32_768, LM_HEAD_TILE) * 22.0,
    )


def _activations(shape: ModelShape, *, length: int, dropout: bool) -> float:
    """Bytes a token that the backward pass needs of every layer, for packed rows of `length` tokens.

    Norms and their float32 inputs, projections, MLP, the adapters' float32 inputs (with dropout also mask and
    product), and where attention is plain its matrix.
    """
    hidden, inner, query = shape.hidden, shape.intermediate, shape.head * shape.heads
    keys = shape.head * shape.key_value_heads
    adapters = 4 * (5 * hidden + query + inner)
    a_layer = 46 * hidden + 9 * (query + 2 * keys) + 12 * inner + adapters * (3.0 if dropout else 1.1)
    plain_attention = 10.0 * shape.heads * length if length <= EAGER_TOKENS else 0.0
    return float(shape.layers * (a_layer + plain_attention))
