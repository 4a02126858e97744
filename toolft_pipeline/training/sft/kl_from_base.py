"""The penalty for leaving the base model: KL(base || tuned) at the positions with loss.

Invariant: the base is the model in training with its adapter disabled, on the same rows, without gradients and still in
train mode: in eval mode a 4-bit layer on a CPU would repack its weights (training/base/quantized.py). Only the adapter
has dropout, so both modes give the same base.

KL(base || tuned) punishes whatever the base finds likely and the tuned model no longer does; its gradient by the tuned
logits is the difference of the two distributions. It is the loss of learning without forgetting (arXiv 1606.09282).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.sft.lm_head import HeadInputs, project

if TYPE_CHECKING:
    import torch

LOGITS_AT_ONCE = 24_000_000
"""Logits (positions times vocabulary) of each model that are in memory at a time."""

BYTES_PER_LOGIT = 20.0
"""Float32 log-probabilities of both models, their difference and one distribution; the logits in the compute type."""


def kl_from_base(tuned: HeadInputs, base: HeadInputs) -> torch.Tensor:
    """KL(base || tuned) of each labelled position, in nats; only the tuned model's hidden states get a gradient.

    Raises `RuntimeError` if the two were not given the same positions.
    """
    if tuned.targets.shape != base.targets.shape or not bool((tuned.targets == base.targets).all()):
        raise RuntimeError("the base and the tuned model scored different positions; report this bug")
    divergence: torch.Tensor = _function().apply(
        tuned.hidden, base.hidden, tuned.weight, tuned.logit_scale, tuned.softcap
    )
    return divergence


@functools.cache
def _function() -> Any:
    """The autograd function, defined on first use, because this module does not import torch."""
    import torch

    class KlFromBase(torch.autograd.Function):
        """The divergence is summed later, so that a position's gradient is its own times a factor, as in `lm_head`."""

        @staticmethod
        def forward(
            ctx: Any,
            hidden: torch.Tensor,
            base: torch.Tensor,
            weight: torch.Tensor,
            scale: float,
            softcap: float | None,
        ) -> torch.Tensor:
            at_once = max(1, LOGITS_AT_ONCE // weight.shape[0])
            parts = [
                _divergence(ours, theirs, weight.detach(), scale=scale, softcap=softcap)
                for ours, theirs in zip(torch.split(hidden, at_once), torch.split(base, at_once), strict=True)
            ]
            divergence, gradients = map(torch.cat, zip(*parts, strict=True))
            ctx.save_for_backward(gradients)
            return divergence

        @staticmethod
        def backward(ctx: Any, by_divergence: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            (gradients,) = ctx.saved_tensors
            return (gradients * by_divergence[:, None]).to(gradients.dtype), None, None, None, None

    return KlFromBase


def _divergence(
    hidden: torch.Tensor, base: torch.Tensor, weight: torch.Tensor, *, scale: float, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The divergence of each position (float32), and its gradient by `hidden`; shapes as in `lm_head`."""
    import torch

    base_log_probs = torch.log_softmax(project(base, weight, scale=scale, softcap=softcap)[0], -1)
    logits, slope = project(hidden, weight, scale=scale, softcap=softcap)
    log_probs = torch.log_softmax(logits, -1)
    del logits
    base_probs = base_log_probs.exp()
    divergence = (base_log_probs.sub_(log_probs).mul_(base_probs)).sum(-1)
    by_logits = log_probs.exp_().sub_(base_probs)
    if slope is not None:
        by_logits *= slope
    elif scale != 1:
        by_logits *= scale
    return divergence, by_logits.to(weight.dtype) @ weight
