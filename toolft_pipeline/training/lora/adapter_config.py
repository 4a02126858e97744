"""PEFT's configuration of the LoRA adapter that an agent file asks for.

Invariant: whatever `training.peft` says, only low-rank matrices are trained, only on the modules that the settings
name, and only in the language model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.lora.lora_targets import outside_language_model, target_modules_for_peft
from toolft_pipeline.training.lora.owned_keys import refused_peft
from toolft_pipeline.training.rows.sampling import TrainingDataError

if TYPE_CHECKING:
    import torch


def lora_config(training: TrainingSettings, *, modules: Sequence[str]) -> Any:
    """The configuration for a model with these module names. Raises `TrainingDataError`."""
    from peft import LoraConfig

    for key, reason in refused_peft(training.peft):
        raise TrainingDataError(f"training.peft.{key}: cannot be set here; {reason}")
    targets = target_modules_for_peft(modules, targets=training.target_modules)
    if isinstance(targets, str) and training.peft.get("layers_to_transform") is not None:
        # PEFT selects layers only if the targets are a list of partial names
        targets = [name.partition(".")[2] for name in modules if re.fullmatch(targets, name)]
    lora = {
        "r": training.lora_r,
        "lora_alpha": training.lora_alpha,
        "lora_dropout": training.lora_dropout,
        "bias": "none",
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        **training.peft,
    }
    try:
        return LoraConfig(**lora)
    except (TypeError, ValueError) as error:
        raise TrainingDataError(f"training.peft: {error}; use the names of peft.LoraConfig") from error


def setting_error(error: Exception) -> TrainingDataError:
    """A library's error about settings, as one line."""
    cause = " ".join(str(error).split())[:300]
    return TrainingDataError(f"training: {cause}; change `training` in the agent file")


def require_lora_parameters_only(model: torch.nn.Module) -> None:
    """Raise `TrainingDataError` if the model would train anything but LoRA matrices of the language model."""
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    stray = [*(name for name in trained if ".lora_" not in name), *_in_towers(model, trained)]
    if stray:
        raise TrainingDataError(
            f"training.peft: would train {stray[0]} ({len(stray)} of {len(trained)} tensors), which does not belong to "
            "an adapter of the language model; remove the key that asks for it"
        )


def _in_towers(model: torch.nn.Module, trained: Sequence[str]) -> list[str]:
    outside = set(outside_language_model(name for name, _ in model.named_parameters()))
    return [name for name in trained if name in outside]
