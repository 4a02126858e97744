"""Whether training will fit, and about how long it takes, said before a weight is loaded.

Invariant: an estimate comes from the model's own config and the rows that were drawn, never from a table of models.
The activation formula was fitted to Gemma 3 270M on a CPU, where it holds within 15 %; see benchmarks/training.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base_model import header
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.quantized import EAGER_TOKENS
from toolft_pipeline.training.sft import packed_length

LIBRARIES_BYTES = 1.0e9
"""Resident size of a process that has imported torch, transformers, trl and datasets."""

LM_HEAD_TILE = 4096 * 32_768
"""Loss positions times vocabulary that TRL projects at a time, at most."""

EFFICIENCY = 0.35
"""Share of a plain matrix product's speed that training reaches: Gemma 3 270M in NF4 on two CPU cores."""


class DoesNotFitError(MemoryError):
    """Training will not fit; one line with the figures and what to lower."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes by what holds them, bytes that are free, and seconds."""

    weights: float
    adapter: float
    activations: float
    logits: float
    free: float
    seconds: float

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
        return (
            f"about {self.total / 1e9:.1f} GB ({figures}) of {self.free / 1e9:.1f} GB free, about {self.seconds:.0f} s"
        )


def check_fit(*, base: Path, drawn: Drawn, training: TrainingSettings) -> Estimate:
    """Estimate memory and time. Raises `DoesNotFitError` when more is needed than is free."""
    estimate = estimate_training(base=base, drawn=drawn, training=training)
    if estimate.total > estimate.free:
        raise DoesNotFitError(
            f"training: needs {estimate.text}; lower training.packed_length or training.batch_size, choose a smaller "
            "base model, or give the machine more memory"
        )
    return estimate


def estimate_training(*, base: Path, drawn: Drawn, training: TrainingSettings) -> Estimate:
    """The estimate alone, from config.json, the headers of the weights, and the rows."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config = config.get("text_config", config)
    linear, other = _parameters(base, training)
    length = packed_length(drawn, training)
    tokens = length * training.batch_size
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    adapter = _adapter_parameters(base, training)
    vocabulary = config["vocab_size"]
    work = 4 * linear + 6 * adapter + 8 * share * vocabulary * config["hidden_size"]  # operations a token
    passes = drawn.train.tokens * training.epochs
    return Estimate(
        weights=linear * (0.53 if training.quantization == "nf4" else 2) + other * 2,
        adapter=adapter * 16.0,  # float32 weight, gradient, two moments
        activations=tokens * _activations(config, length=length, dropout=training.lora_dropout > 0),
        logits=min(tokens * share * 32_768, LM_HEAD_TILE) * 22.0,
        free=free_memory(),
        seconds=passes * work / (EFFICIENCY * matrix_speed()),
    )


def _activations(config: dict[str, Any], *, length: int, dropout: bool) -> float:
    """Bytes a token that the backward pass needs of every layer, for packed rows of `length` tokens.

    Norms and their float32 inputs, projections, MLP, the adapters' float32 inputs (with dropout also mask and
    product), and where attention is plain its matrix.
    """
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    query, keys = head * heads, head * config.get("num_key_value_heads", heads)
    adapters = 4 * (5 * hidden + query + inner)
    a_layer = 46 * hidden + 9 * (query + 2 * keys) + 12 * inner + adapters * (3.0 if dropout else 1.1)
    plain_attention = 10.0 * heads * length if length <= EAGER_TOKENS else 0.0
    return float(config["num_hidden_layers"] * (a_layer + plain_attention))


def _parameters(base: Path, training: TrainingSettings) -> tuple[int, int]:
    """Elements of the linear layers inside the blocks (quantized where asked for), and of all else."""
    linear = other = 0
    for name, shape in _shapes(base):
        size = 1
        for length in shape:
            size *= length
        if len(shape) == 2 and ".layers." in name:
            linear += size
        else:
            other += size
    return linear, other


def _adapter_parameters(base: Path, training: TrainingSettings) -> int:
    return sum(
        training.lora_r * sum(shape)
        for name, shape in _shapes(base)
        if len(shape) == 2 and name.removesuffix(".weight").rpartition(".")[2] in training.target_modules
    )


def _shapes(base: Path) -> list[tuple[str, list[int]]]:
    return [
        (name, tensor["shape"]) for path in sorted(base.glob("*.safetensors")) for name, tensor in header(path).items()
    ]


def free_memory() -> float:
    """Bytes that training may take: on the accelerator where there is one, else RAM within the container's limit."""
    import psutil  # type: ignore[import-untyped]
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.mem_get_info()[0])
    free = float(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return free
    return free if limit == "max" else min(free, float(limit) - float(used))


def matrix_speed() -> float:
    """Floating-point operations a second of a bf16 product on this machine as it is now, measured for 0.2 s."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    left = torch.ones(512, 1024, dtype=torch.bfloat16, device=device)
    right = torch.ones(1024, 2048, dtype=torch.bfloat16, device=device)
    float((left @ right)[0, 0])
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < 0.2:
        float((left @ right)[0, 0])
        products += 1
    return products * 2 * 512 * 1024 * 2048 / (time.perf_counter() - began)
