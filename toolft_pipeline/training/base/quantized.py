"""Load the base model for training and merging: in the compute type, with NF4 linear layers if asked for.

Invariant: a 4-bit layer never leaves train mode. On a CPU with AVX512-BF16 a forward pass in eval mode repacks
bitsandbytes' 4-bit weights; gradients and merges are then wrong (relative error above 1) while the loss looks normal.
All other modules, dropout included, follow `train()` and `eval()` as usual.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.lora.model_families import TOWERS
from toolft_pipeline.training.runtime.block_attention import register_block_attention
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


Attention = Literal["blocks", "sdpa"]


def load_for_training(
    base: Path, *, quantization: str, dtype: torch.dtype | None = None, attention: str | None = None
) -> PreTrainedModel:
    """Load the base for training on the training device; `dtype` is bf16 by default, `attention` what `attention_for`
    says."""
    device = model_device()
    attention = attention or attention_for(device)
    implementation = register_block_attention() if attention == "blocks" else attention
    return load_base(base, quantization=quantization, device=device, dtype=dtype, attn_implementation=implementation)


def attention_for(device: torch.device) -> Attention:
    """The attention implementation of training."""
    return "blocks" if device.type == "cpu" else "sdpa"


def load_base(
    base: Path, *, quantization: str, device: torch.device, dtype: torch.dtype | None = None, **options: Any
) -> PreTrainedModel:
    """Load the base on a device; `nf4` uses double quantization as in QLoRA (Dettmers et al. 2023).

    `dtype` is the compute type, bf16 by default; `options` go to `from_pretrained`.
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
    """Modules of a multimodal base that stay in bf16: its towers are never trained, and a merge would publish them
    rounded. None for a text-only base, where transformers' own list holds."""
    config = load_config(base)
    if not any(getattr(config, f"{sense}_config", None) for sense in ("vision", "audio")):
        return None
    return ["lm_head", *(rf".*\b{tower}" for tower in TOWERS)]


def load_dequantized(base: Path, *, quantization: str, device: torch.device) -> PreTrainedModel:
    """Load the base in plain bf16 layers with the weights that the adapter was trained on.

    With `nf4` these are the quantized weights, dequantized: NF4 changes every weight of Gemma 3 270M by 9 %, and the
    adapter has learned to compensate for that.
    """
    model = load_base(base, quantization=quantization, device=device)
    return model.dequantize() if quantization == "nf4" else model


def keep_in_train_mode(model: torch.nn.Module) -> int:
    """Make every 4-bit layer ignore `eval()`; returns the number of such layers."""
    from bitsandbytes.nn import Linear4bit

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer.train(True)
        object.__setattr__(layer, "train", _KeepTrainMode(layer))
    return len(layers)


class _KeepTrainMode:
    """A `Module.train` that changes nothing."""

    def __init__(self, layer: torch.nn.Module) -> None:
        self._layer = layer

    def __call__(self, mode: bool = True) -> torch.nn.Module:
        return self._layer


def use_full_precision_adapter(model: torch.nn.Module) -> None:
    """Keep the adapter in float32: TRL casts a QLoRA adapter to bf16, and PEFT casts it back when Trainer resumes.

    With one dtype a resumed run produces the same bytes, and float32 does not lose an update of 1e-4 of a weight to
    rounding.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
