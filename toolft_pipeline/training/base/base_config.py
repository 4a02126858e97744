"""A base model's config as transformers reads it, and whether a model of its kind can be trained here.

Invariant: nothing reads config.json by key. Configs on the hub leave out what their class has as a default (Gemma 3's
`text_config` has no vocab_size), and the class fills it in.
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
    """The config of a folder or a hub id, with what it leaves to its class filled in. Raises `BaseModelError`; for a
    hub id that cannot be fetched `OSError`.
    """
    from transformers import AutoConfig

    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(base, revision=revision)
    except Exception as error:
        if isinstance(error, OSError) and not Path(base).is_dir():
            raise
        cause = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"{base}: config.json describes no model that transformers can load without code of its own ({cause}); "
            "upgrade transformers or name another model"
        ) from error
    return config


def unusable(config: PreTrainedConfig, *, quantized: Any) -> str | None:
    """Why a model of this config cannot be trained, in one line; `quantized` says how its weights are stored, by name
    or as a `quantization_config`, where they are not stored in full."""
    return quantized_base(quantized) or untrainable_class(config)


def quantized_base(how: Any) -> str | None:
    """The line about weights that are quantized already."""
    if not how:
        return None
    named = how if isinstance(how, str) else quantization_name(how)
    return (
        f"its weights are already quantized ({named}); name the unquantized model (bf16, fp16 or fp32): "
        "training.quantization quantizes it for training"
    )


def untrainable_class(config: PreTrainedConfig) -> str | None:
    """The line about an architecture that is not a decoder which writes text."""
    from transformers import AutoModelForCausalLM

    architectures = config.architectures or []
    named = ", ".join(architectures) or f"a model of type {config.model_type}"
    if getattr(config, "is_encoder_decoder", False):
        return f"{named} is an encoder-decoder; {_WANTED}"
    if architectures and not any(name.endswith(CAUSAL_LM_SUFFIXES) for name in architectures):
        return f"{named} writes no text; {_WANTED}"
    if type(config) not in AutoModelForCausalLM._model_mapping:
        return f"transformers has no class that writes text for {named} ({config.model_type}); {_WANTED}"
    return None
