"""A base model and its adapter on PyTorch's meta device: names and shapes, no weights.

Invariant: whatever `training.peft` says, only low-rank matrices are trained, only on the modules that the settings
name, and only in the language model. `make_trainer` checks the real model by the same rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.base.base_model import quiet_transformers
from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline.training.lora.adapter_config import lora_config, require_lora_parameters_only, setting_error
from toolft_pipeline.training.lora.lora_targets import outside_language_model
from toolft_pipeline.training.rows.sampling import TrainingDataError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


def adapter_problem(base: Path, *, training: TrainingSettings) -> str | None:
    """Why the adapter of the settings does not fit the base: missing target modules, or an adapter that PEFT cannot
    create or merge. None if it fits."""
    model = meta_model(base)
    if training.method == "full":
        return None
    linear = linear_layers(model)
    missing = [name for name in training.target_modules if not any(f".{one}".endswith(f".{name}") for one in linear)]
    if missing:
        kinds = dict.fromkeys(name.rpartition(".")[2] for name in linear)
        return (
            f"training.target_modules: {', '.join(missing)}: {type(model).__name__} has no linear layer of that name; "
            f"its linear layers are {', '.join(kinds)}"
        )
    try:
        add_adapter(model, training)
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


def add_adapter(model: PreTrainedModel, training: TrainingSettings) -> PeftModel:
    """The meta model with the adapter of the settings, on the meta device too. Raises `TrainingDataError`."""
    import torch
    from peft import get_peft_model

    lora = lora_config(training, modules=[name for name, _ in model.named_modules()])
    lora.init_lora_weights = True  # other initializations read the base's weights, which are not there
    try:
        with torch.device("meta"):
            adapted: PeftModel = get_peft_model(model, lora)
    except (ValueError, TypeError) as error:
        raise setting_error(error) from error
    require_lora_parameters_only(adapted)
    return adapted


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Names of the linear layers of the language model that an adapter can train, in model order."""
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
