"""The base as it is trained on: in the compute type, its linear layers in NF4 where asked for.

Invariant: a 4-bit layer never leaves train mode. On a CPU with AVX512-BF16 an eval-mode forward repacks bitsandbytes'
4-bit weights, after which gradients and merges are wrong (relative error above 1) while the loss looks normal.
Everything else of the model, dropout above all, follows `train()` and `eval()` as ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.lora.model_families import TOWERS
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


Attention = Literal["eager", "sdpa"]

EAGER_TOKENS = 1024
"""Packed rows up to which plain attention is the faster one on a CPU: 163 tokens/s for 144 at 512 (Gemma 3 270M).
It keeps every head's matrix for the backward pass, so longer rows go to the fused one."""


def load_for_training(
    base: Path, *, quantization: str, packed_length: int, dtype: torch.dtype | None = None
) -> PreTrainedModel:
    """Load the base for a trainer, on its device, to compute in `dtype` (bf16 unless told otherwise)."""
    device = model_device()
    return load_base(
        base,
        quantization=quantization,
        device=device,
        dtype=dtype,
        attn_implementation=attention_for(packed_length, device=device),
    )


def attention_for(tokens: int, *, device: torch.device) -> Attention:
    """The attention implementation for rows of so many tokens."""
    return "eager" if tokens <= EAGER_TOKENS and device.type == "cpu" else "sdpa"


def load_base(
    base: Path, *, quantization: str, device: torch.device, dtype: torch.dtype | None = None, **options: Any
) -> PreTrainedModel:
    """Load the base on a device; `nf4` with double quantization as in QLoRA (Dettmers et al. 2023). It computes in
    `dtype`, bf16 unless told otherwise; `options` go to `from_pretrained`.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = dtype or torch.bfloat16
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=_not_quantized(base),
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=dtype,
        device_map={"": device},
        quantization_config=nf4 if quantization == "nf4" else None,
        **options,
    )
    keep_in_train_mode(model)
    return model


def _not_quantized(base: Path) -> list[str] | None:
    """Modules that stay in bf16 beside those that transformers leaves out: eyes and ears are never trained, and a merge
    would otherwise publish them rounded."""
    config = load_config(base)
    if not any(getattr(config, f"{sense}_config", None) for sense in ("vision", "audio")):
        return None
    return ["lm_head", *(rf".*\b{tower}" for tower in TOWERS)]


def load_as_trained_on(base: Path, *, quantization: str, device: torch.device) -> PreTrainedModel:
    """The base in plain bf16 layers on a device, with the very weights that the adapter saw in training.

    For `nf4` those are the rounded ones, widened again: NF4 moves every weight of Gemma 3 270M by 9 %, and an adapter
    that learned to make up for that is at a loss on weights that were never moved.
    """
    model = load_base(base, quantization=quantization, device=device)
    return model.dequantize() if quantization == "nf4" else model


def keep_in_train_mode(model: torch.nn.Module) -> int:
    """Make `eval()` pass by every 4-bit layer; returns how many there are."""
    from bitsandbytes.nn import Linear4bit

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer.train(True)
        object.__setattr__(layer, "train", _Stays(layer))
    return len(layers)


class _Stays:
    """`Module.train` of a layer that stays as it is."""

    def __init__(self, layer: torch.nn.Module) -> None:
        self._layer = layer

    def __call__(self, mode: bool = True) -> torch.nn.Module:
        return self._layer


def use_full_precision_adapter(model: torch.nn.Module) -> None:
    """Hold the adapter in float32: TRL rounds a QLoRA adapter to bf16, PEFT widens it again when Trainer resumes.

    One dtype on both ways is what makes a resumed run end in the same bytes, and in float32 an update of 1e-4 of a
    weight is not lost to rounding.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
