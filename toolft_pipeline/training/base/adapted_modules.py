"""What an adapter would train on a base, found on PyTorch's meta device: names and shapes, no weights.

Invariant: whatever `training.peft` says, only low-rank matrices are trained, on the modules that the settings name, and
on those of the language model alone. `make_trainer` holds the real model against the same rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.base.base_model import quiet_transformers
from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline.training.lora.adapter_config import lora_config, refuse_stray_parameters, unusable_setting
from toolft_pipeline.training.lora.lora_targets import outside_language_model
from toolft_pipeline.training.rows.sampling import TrainingDataError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def unfit_adapter(base: Path, *, training: TrainingSettings) -> str | None:
    """The line about target modules that the base does not have, or an adapter that PEFT cannot make, or that cannot be
    merged; None where all is well."""
    model = meta_model(base)
    linear = linear_layers(model)
    missing = [name for name in training.target_modules if not any(f".{one}".endswith(f".{name}") for one in linear)]
    if missing:
        kinds = dict.fromkeys(name.rpartition(".")[2] for name in linear)
        return (
            f"training.target_modules: {', '.join(missing)}: no linear layer of {type(model).__name__} has the name; "
            f"its linear layers are {', '.join(kinds)}"
        )
    try:
        adapt(model, training)
    except TrainingDataError as error:
        return str(error)
    return None


def meta_model(base: Path) -> PreTrainedModel:
    """The base's class on the meta device. Raises `BaseModelError`."""
    import torch
    from transformers import AutoModelForCausalLM

    config = load_config(base)
    try:
        with quiet_transformers(), torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    except Exception as error:
        cause = " ".join(str(error).split())[:200]
        raise BaseModelError(f"transformers cannot build its class ({cause}); name another model") from error
    return model


def adapt(model: PreTrainedModel, training: TrainingSettings) -> PeftModel:
    """The meta model with the adapter of the settings, on the meta device too. Raises `TrainingDataError`."""
    import torch
    from peft import get_peft_model

    lora = lora_config(training, modules=[name for name, _ in model.named_modules()])
    lora.init_lora_weights = True  # other initializations read the base's weights, which are not there
    try:
        with torch.device("meta"):
            adapted: PeftModel = get_peft_model(model, lora)
    except (ValueError, TypeError) as error:
        raise unusable_setting(error) from error
    refuse_stray_parameters(adapted)
    return adapted


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers of the language model that an adapter may sit on, in the order of the model."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    ]
    outside = set(outside_language_model(names))
    return [name for name in names if name not in outside]
