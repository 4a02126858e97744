"""Training of all weights of the language model (`training.method: full`), without an adapter.

Invariant: weights are trained in float32, whatever the compute type: bf16 has 8 bits for a number, and an update of a
thousandth of a weight would be rounded away. They are published in bf16, rounded once, as the base is stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.lora.lora_targets import outside_language_model

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def train_all_weights(model: PreTrainedModel) -> None:
    """Train every parameter of the language model, embeddings and head included; freeze towers of a multimodal base."""
    towers = set(outside_language_model(name for name, _ in model.named_parameters()))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in towers)


def save_rounded(model: PreTrainedModel, folder: Path) -> None:
    """Save a float32 model as a model folder in bf16."""
    rounded: dict[int, torch.Tensor] = {}  # by tensor, so that tied weights stay tied

    def once(tensor: torch.Tensor) -> torch.Tensor:
        return rounded.setdefault(tensor.data_ptr(), tensor.detach().bfloat16())

    state = {
        name: once(tensor) if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()
    }
    model.save_pretrained(folder, state_dict=state)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"), object_hook=_in_bf16)
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _in_bf16(section: dict[str, Any]) -> dict[str, Any]:
    return {name: "bfloat16" if name == "dtype" else value for name, value in section.items()}
