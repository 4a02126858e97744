"""Estimate the peak memory of training from the model's shape and the run plan.

The formulas for the activations that autograd saves per layer were derived with saved-tensor hooks on Gemma 3, Gemma 4
E, Llama and Qwen3 in transformers 5.23 and PEFT 0.21, by blocks and sdpa, with and without dropout, in bf16 and
float32; they give the same bytes but for a few values a token. benchmarks/preflight.py compares the total with
measured peaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.training.preflight.model_shape import LayerShape, ModelShape
from toolft_pipeline.training.preflight.run_plan import RunPlan
from toolft_pipeline.training.sft import kl_from_base
from toolft_pipeline.training.sft.cpu_lora import kept_bytes
from toolft_pipeline.training.sft.lm_head import LOGITS_AT_ONCE

LIBRARIES_BYTES = {"cpu": 0.6e9, "cuda": 0.5e9}
"""A process that has imported torch, transformers, trl, peft and bitsandbytes; on a CPU 0.17e9 of it are mapped files,
the rest Python's and C's own objects. On CUDA the kernels and workspaces of cuBLAS and bitsandbytes on the device."""

NF4_BYTES = 0.53
"""Bytes a parameter in NF4 with double quantization (Dettmers et al. 2023: 4.127 bits, and buffers)."""

HEAD_TILE = 4096, 32_768
"""Tile of positions and vocabulary that TRL's fused loss projects at a time on CUDA."""

CPU_FRAGMENTATION = 0.4
"""Bytes that the C library's heap holds beyond those in use, as a share of the activations and logits of a step: blocks
of other sizes at each step. mallinfo2 counted 0.34 on Gemma 3 270M's shape and 0.39 to 0.55 on a Llama of 12 layers.
Weights and optimizer stay where they are and add none. It stops growing within five steps while the kernel caches are
small (runtime/kernel_caches.py)."""

CUDA_OVERHEAD = 0.1
"""Bytes that PyTorch's caching allocator holds beyond those in use, as a share of them."""


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes by use."""

    libraries: float
    weights: float
    mapped: float
    """On a CPU in bf16: the pages of the base's file whose weights are held in 4 bit as well. They stay resident, as
    the embeddings are read from the same file, until the kernel needs the memory."""
    trained: float
    """Trained parameters, their gradients and the optimizer's state."""
    activations: float
    logits: float
    """Projection to the vocabulary, as far as it exceeds the backward pass of a layer, which runs at another moment."""
    allocator: float
    """What the allocator holds beyond the bytes in use."""

    @property
    def total(self) -> float:
        """Bytes at the peak, libraries included."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        """Bytes by the name of their use; they add up to the total."""
        return {
            "libraries": self.libraries,
            "weights": self.weights,
            "mapped file": self.mapped,
            "trained parameters and optimizer": self.trained,
            "activations": self.activations,
            "logits": self.logits,
            "allocator": self.allocator,
        }

    @property
    def text(self) -> str:
        """The figures in one line."""
        figures = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in self.parts.items())
        return f"about {self.total / 1e9:.1f} GB ({figures})"


def estimate_memory(*, shape: ModelShape, plan: RunPlan) -> MemoryEstimate:
    """The peak of the largest training step."""
    kept, passing = _activations(shape, plan)
    head = _head(shape, plan) if not plan.kl else max(_head(shape, plan), _divergence(shape, plan))
    logits = max(0.0, head - passing)
    trained = shape.trained * plan.optimizer_bytes
    weights = _weights(shape, plan)
    in_use = kept + passing + logits
    return MemoryEstimate(
        libraries=LIBRARIES_BYTES[plan.device],
        weights=weights,
        mapped=2.0 * shape.linear if plan.quantized and plan.device == "cpu" and plan.compute_bytes == 2 else 0.0,
        trained=trained,
        activations=kept + passing,
        logits=logits,
        allocator=CPU_FRAGMENTATION * in_use if plan.device == "cpu" else CUDA_OVERHEAD * (weights + trained + in_use),
    )


def _weights(shape: ModelShape, plan: RunPlan) -> float:
    """Bytes of the frozen weights, and of copies of weights in the compute type."""
    if plan.full:  # autocast keeps the copies of a step's forward pass
        return 4.0 * shape.other + (shape.linear * plan.compute_bytes if plan.compute_bytes < 4 else 0.0)
    linear = shape.linear * (NF4_BYTES if plan.quantized else plan.compute_bytes)
    return linear + shape.other * plan.compute_bytes + _kept_weights(shape, plan)


def _kept_weights(shape: ModelShape, plan: RunPlan) -> float:
    """Bytes of dequantized weights that a CPU keeps beside the 4-bit ones."""
    return kept_bytes([shape.linear], plan.compute_bytes) if plan.quantized and plan.device == "cpu" else 0.0


def _activations(shape: ModelShape, plan: RunPlan) -> tuple[float, float]:
    """Bytes that are saved while the head is computed, and bytes that the backward pass of one layer adds."""
    a_layer = [plan.tokens * _saved(layer, plan) for layer in shape.decoder]
    passing = max(plan.tokens * _backward(layer, plan) for layer in shape.decoder)
    if plan.quantized and not _kept_weights(shape, plan):
        passing += 2 * plan.compute_bytes * shape.largest_linear  # a dequantized layer, and a temporary of its size
    hidden = plan.tokens * shape.hidden
    ends = hidden * (4 + 2 * plan.compute_bytes)  # embeddings, the last norm's input, what the head reads
    inputs = plan.tokens * shape.layer_inputs * len(shape.decoder) * plan.compute_bytes
    if not plan.checkpointing:
        return sum(a_layer) + inputs + ends, passing
    return hidden * plan.compute_bytes * len(shape.decoder) + inputs + ends, max(a_layer) + passing


def _saved(layer: LayerShape, plan: RunPlan) -> float:
    """Bytes a token that autograd saves per layer: norms' float32 inputs, adapters' inputs, attention, MLP."""
    size = plan.compute_bytes
    return 4 * layer.norms + _adapter_inputs(layer, plan) + _attention(layer, plan) + 3 * size * layer.inner


def _adapter_inputs(layer: LayerShape, plan: RunPlan) -> float:
    """On CUDA each adapter saves a float32 copy of its input, or in float32 shares one tensor with its neighbours; with
    dropout also the product and the mask. On a CPU (cpu_lora.py) neighbours share the input in every compute type; with
    dropout each saves the dropped input and the mask."""
    size = plan.compute_bytes
    if plan.full:
        return float(size * layer.distinct_adapter_inputs)
    if plan.device == "cpu":
        return layer.adapter_inputs * (size + 1.0) if plan.dropout else size * layer.distinct_adapter_inputs
    if plan.dropout:
        return layer.adapter_inputs * 5.0
    return 4.0 * (layer.adapter_inputs if plan.compute_bytes < 4 else layer.distinct_adapter_inputs)


def _attention(layer: LayerShape, plan: RunPlan) -> float:
    """Queries, keys and values; attention by blocks also saves each head's probabilities within its row, fused
    attention of torch repeats keys and values for every head, and has its output and the mask of packed rows."""
    size = plan.compute_bytes
    own_output = size if size < 4 else 0  # in float32 o_proj's adapter saves the same tensor
    if plan.attention == "blocks":
        rows = size * (layer.query + 2 * layer.key) + own_output * layer.query
        return rows + size * layer.heads * plan.attended
    if plan.attention == "flash":
        return size * (layer.query + 2 * layer.key) + own_output * layer.query + 4 * layer.heads
    return 3 * size * layer.query + own_output * layer.query + 4 * layer.heads + size * plan.tokens


def _backward(layer: LayerShape, plan: RunPlan) -> float:
    """Bytes a token of the gradients that exist at the same time in a layer's backward pass."""
    size = plan.compute_bytes
    mlp = layer.inner * (4 + 3 * size)
    attention = 4.0 * size * layer.query
    if plan.attention == "blocks":  # two float32 matrices and one in the compute type of one row
        attention += layer.heads * plan.attended * (8 + size)
    return max(mlp, attention) + layer.norms * 2


def _divergence(shape: ModelShape, plan: RunPlan) -> float:
    """Bytes of the KL divergence from the base, computed when the loss has kept its own gradient: the tiles of both
    models' logits, the base's hidden states and the two gradients."""
    states = 3 * plan.loss_positions * shape.hidden * plan.compute_bytes
    tile = min(plan.loss_positions * shape.vocabulary, kl_from_base.LOGITS_AT_ONCE)
    return tile * kl_from_base.BYTES_PER_LOGIT + states


def _head(shape: ModelShape, plan: RunPlan) -> float:
    """Bytes of the projection to the vocabulary and of its gradient."""
    if not plan.fused_loss:  # logits, their log-softmax, both gradients and a float32 copy
        return plan.tokens * shape.vocabulary * (4.0 * plan.compute_bytes + 4.0)
    gradient = plan.loss_positions * shape.hidden * (4 + plan.compute_bytes)
    if plan.device == "cuda":  # one Triton kernel turns a tile into its gradient in place
        tile = min(plan.loss_positions, HEAD_TILE[0]) * min(shape.vocabulary, HEAD_TILE[1])
        return tile * plan.compute_bytes + gradient
    return min(plan.loss_positions * shape.vocabulary, LOGITS_AT_ONCE) * plan.compute_bytes + gradient
