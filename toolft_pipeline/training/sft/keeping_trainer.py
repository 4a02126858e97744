"""TRL's SFTTrainer with the losses against forgetting: `training.kl_weight` and `training.loss_type: dft`.

Invariant: with the default settings the class is the one that is given: they change no byte of a run without them.
The validation loss is cross entropy whatever is trained: DFT's loss falls towards 0 on tokens that the model finds
impossible too, so it cannot choose a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import TrainingDataError
from toolft_pipeline.training.sft.kl_from_base import kl_from_base
from toolft_pipeline.training.sft.lm_head import head_inputs

if TYPE_CHECKING:
    from trl import SFTTrainer

KL = "kl_from_base"
"""Name of the divergence in Trainer's history."""


def trainer_class(training: TrainingSettings, trainer: type[SFTTrainer]) -> type[SFTTrainer]:
    """TRL's trainer as given, or a subclass with these settings' losses."""
    if training.kl_weight == 0 and training.loss_type == "nll":
        return trainer
    import torch

    class KeepingTrainer(trainer):  # type: ignore[misc]
        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if not self.model.training:
                with _cross_entropy(self.args):
                    return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            if training.kl_weight == 0:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            adapted = self.accelerator.unwrap_model(model)
            with torch.no_grad(), adapted.disable_adapter(), head_inputs(score=False) as base:
                model(**inputs, fused_lm_head=True)  # first, so that the graph of the other pass is not there yet
            with head_inputs() as tuned:
                loss = super().compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
            divergence = kl_from_base(tuned[0], base[0])
            count = len(divergence) if num_items_in_batch is None else num_items_in_batch
            mean = divergence.detach().mean() if len(divergence) else divergence.new_zeros(())
            self._metrics["train"][KL].append(float(self.accelerator.gather(mean).mean()))
            share = divergence.sum() / torch.as_tensor(count).clamp(min=1)
            if self.args.average_tokens_across_devices and num_items_in_batch is not None:
                share = share * self.accelerator.num_processes
            return loss + training.kl_weight * share

    return KeepingTrainer


def require_fused_loss(training: TrainingSettings) -> None:
    """Raise `TrainingDataError` for a setting of TRL that computes the loss where the divergence cannot be read."""
    if training.kl_weight and (training.sft.get("label_smoothing_factor") or 0) > 0:
        raise TrainingDataError(
            "training.kl_weight: cannot be combined with training.sft.label_smoothing_factor; set one of the two to 0"
        )


@contextmanager
def _cross_entropy(args: Any) -> Iterator[None]:
    trained, args.loss_type = args.loss_type, "nll"
    try:
        yield
    finally:
        args.loss_type = trained
