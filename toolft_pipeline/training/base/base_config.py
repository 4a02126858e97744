"""A base model's config as transformers reads it, and whether such a model can be trained here.

Invariant: no code reads config.json by key. Configs on the hub omit the defaults of their class (Gemma 3's
`text_config` has no vocab_size), and the class fills them in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline.training.base.snapshot import quantization_name
from toolft_pipeline.training.lora.model_families import CAUSAL_LM_SUFFIXES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_WANTED = "name a causal language model (an instruction-tuned one is best)"


def load_config(base: Path | str, *, revision: str | None = None) -> PreTrainedConfig:
    """The config of a folder or a hub id, with the defaults of its class.

    Raises `BaseModelError`, or `OSError` for a hub id that cannot be fetched.
    """
    from transformers import AutoConfig

    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(base, revision=revision)
    except Exception as error:
        if isinstance(error, OSError) and not Path(base).is_dir():
            raise
        cause = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"{base}: transformers cannot load the model of config.json without remote code ({cause}); "
            "upgrade transformers or name another model"
        ) from error
    return config


def config_problem(config: PreTrainedConfig, *, quantized: Any) -> str | None:
    """Why a model of this config cannot be trained, in one line; None if it can.

    `quantized` is the name or the `quantization_config` of quantized weights, else None.
    """
    return quantization_problem(quantized) or model_class_problem(config)


def quantization_problem(how: Any) -> str | None:
    """The problem of weights that are already quantized; None if they are not."""
    if not how:
        return None
    method = how if isinstance(how, str) else quantization_name(how)
    return (
        f"its weights are already quantized ({method}); name the unquantized model (bf16, fp16 or fp32): "
        "training.method: qlora quantizes it for training"
    )


def model_class_problem(config: PreTrainedConfig) -> str | None:
    """The problem of an architecture that is not a causal language model; None if it is one."""
    from transformers import AutoModelForCausalLM

    architectures = config.architectures or []
    named = ", ".join(architectures) or f"a model of type {config.model_type}"
    if getattr(config, "is_encoder_decoder", False):
        return f"{named} is an encoder-decoder; {_WANTED}"
    if architectures and not any(name.endswith(CAUSAL_LM_SUFFIXES) for name in architectures):
        return f"{named} does not generate text; {_WANTED}"
    if type(config) not in AutoModelForCausalLM._model_mapping:
        return f"transformers has no text generation class for {named} ({config.model_type}); {_WANTED}"
    return None
