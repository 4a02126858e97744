"""Load the weights that `training.method: full` published: they take the place of an adapter on its base.

Invariant: every tensor of the model comes from the file, is finite, and has the name and shape that the base's model
class gives it. transformers initializes missing weights and only warns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.training.base.meta_model import meta_model
from toolft_pipeline.training.merging.adapter_on_base import MergeError, as_merge_error

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def load_trained_weights(
    base: Path, weights: Path, *, device: torch.device, dtype: torch.dtype | None = None
) -> PreTrainedModel:
    """The model of the published folder in `dtype`, bf16 by default. Raises `MergeError` if it is none of `base`."""
    import torch
    from transformers import AutoModelForCausalLM

    if not (weights / "config.json").is_file():
        raise MergeError(f"{weights}: holds no whole model, as training.method: full makes; train it again")
    with as_merge_error(base, weights):
        model: PreTrainedModel
        model, report = AutoModelForCausalLM.from_pretrained(
            weights, dtype=dtype or torch.bfloat16, device_map={"": device}, output_loading_info=True
        )
        expected = {name: tuple(tensor.shape) for name, tensor in meta_model(base).named_parameters()}
    loaded = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    differing = sorted({name for name, _ in expected.items() ^ loaded.items()})
    differing += sorted(str(name) for kind in report.values() for name in kind)
    if differing:
        raise MergeError(
            f"{weights}: {len(differing)} tensors are missing or unexpected for {base} (first: {differing[0]}); "
            "train it again"
        )
    for name, tensor in model.named_parameters():
        if not torch.isfinite(tensor).all():
            raise MergeError(f"{weights}: {name} has values that are not finite; lower training.learning_rate")
    return model.eval()
