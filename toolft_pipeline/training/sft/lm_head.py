"""A fused loss for CPUs: one pass over the logits of labelled positions, where TRL's fallback makes about fifteen.

TRL's fused language-model head is written for Triton kernels. Its CPU fallback runs plain torch operations on every
tile of logits, multiplies by scales of 1, computes an unused entropy, projects a second time in the backward pass and
multiplies the gradient in float32 even if the model computes in bf16. For Gemma 3 270M (a vocabulary of 262,144) that
was more than half of a training step: 3.8 CPU seconds for 205 positions in bf16 and 4.5 in float32, against 0.7 and
1.4 here.

Invariant: log-probabilities, accuracy and gradients equal TRL's; only the entropy is not computed and is NaN. The
head's weights are frozen, so they need no gradient; if they are trained, TRL's function runs.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

LOGITS_AT_ONCE = 48_000_000
"""Logits (positions times vocabulary) that are in memory at a time, in the compute type; their gradients take their
place."""

ROWS_IN_CACHE = 4
"""Positions whose logits are turned into gradients together: 4 MB of float32 for a vocabulary of 262,144, so they stay
in the processor's cache. The whole tile at once takes three times as long."""

POSITIONS_STEP = 32
"""Positions are filled up to a multiple of this with zeros, because each other number of them is another kernel, with
buffers of its own (runtime/kernel_caches.py)."""


def use_cpu_head() -> None:
    """Make TRL's fused head score labelled positions only, with this module on a CPU.

    Warns and changes nothing if TRL's internals have changed.
    """
    import trl.trainer.utils as fused

    if not hasattr(fused, "_use_triton") or not hasattr(fused, "_ChunkedLogProbFunction"):
        warnings.warn("TRL's fused loss has changed: every position is scored, training is slower", stacklevel=2)
        return
    fused._use_triton = lambda _device: True  # score labelled positions only, on every device
    if not isinstance(fused._ChunkedLogProbFunction, _Head):
        fused._ChunkedLogProbFunction = _Head(fused._ChunkedLogProbFunction)


@contextmanager
def head_inputs(*, score: bool = True) -> Iterator[list[HeadInputs]]:
    """Collect what the head is given while this is open, one entry a forward pass.

    Without `score` nothing is projected, and the outputs are zeros. Raises `RuntimeError` where `use_cpu_head` changed
    nothing.
    """
    import trl.trainer.utils as fused

    head = fused._ChunkedLogProbFunction
    if not isinstance(head, _Head):
        raise RuntimeError("TRL's fused loss has changed: its hidden states cannot be read")
    given: list[HeadInputs] = []
    head.seen, head.score = given, score
    try:
        yield given
    finally:
        head.seen, head.score = None, True


class HeadInputs(NamedTuple):
    """The arguments of TRL's autograd function, in its order."""

    hidden: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    targets: torch.Tensor
    temperature: float
    chunk_size: int
    softcap: float | None = None
    logit_scale: float = 1.0
    outputs: tuple[str, ...] = ("log_probs", "entropy", "is_top1")

    @property
    def can_run_here(self) -> bool:
        """Whether this module computes what is asked for: on a CPU, with a frozen head, no summed squares."""
        frozen = not self.weight.requires_grad and self.bias is None and self.temperature == 1
        return self.hidden.device.type == "cpu" and frozen and _OUTPUTS.issuperset(self.outputs)


_OUTPUTS = frozenset({"log_probs", "entropy", "is_top1"})


class _Head:
    """Replaces TRL's autograd function: `apply` takes the same arguments and returns the same outputs."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self.seen: list[HeadInputs] | None = None
        self.score = True

    def apply(self, *arguments: Any) -> tuple[torch.Tensor | None, ...]:
        """Log-probabilities, entropy, log of summed squares, mean logit and accuracy; None for what is not computed."""
        given = HeadInputs(*arguments)
        if self.seen is not None:
            self.seen.append(given)
        if not self.score:
            nothing = given.hidden.new_zeros(len(given.targets)).float()
            return nothing, nothing, None, None, nothing.bool()
        if not given.can_run_here:
            computed: tuple[torch.Tensor | None, ...] = self._original.apply(*given)
            return computed
        log_probs, right = _function().apply(
            given.hidden, given.weight, given.targets, given.logit_scale, given.softcap
        )
        return log_probs, log_probs.new_full(log_probs.shape, float("nan")), None, None, right


@functools.cache
def _function() -> Any:
    """The autograd function, defined on first use, because this module does not import torch."""
    import torch

    class LabelledLogProbs(torch.autograd.Function):
        """log p(target) of every position, and whether the target is the most likely token.

        The loss is a sum of log-probabilities, so its gradient by a position's hidden state is that position's gradient
        times a factor. The forward pass computes it while it has the logits; the backward pass scales it.
        """

        @staticmethod
        def forward(
            ctx: Any,
            hidden: torch.Tensor,
            weight: torch.Tensor,
            targets: torch.Tensor,
            scale: float,
            softcap: float | None,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            at_once, fill, count = max(1, LOGITS_AT_ONCE // weight.shape[0]), 0, len(targets)
            if at_once >= POSITIONS_STEP:
                at_once, fill = at_once - at_once % POSITIONS_STEP, -count % POSITIONS_STEP
            states = torch.split(torch.nn.functional.pad(hidden, (0, 0, 0, fill)), at_once)
            labels = torch.split(torch.nn.functional.pad(targets, (0, fill)), at_once)
            needs_gradient = ctx.needs_input_grad[0]
            parts = [
                _score(part, weight, wanted, scale=scale, softcap=softcap, needs_gradient=needs_gradient)
                for part, wanted in zip(states, labels, strict=True)
            ]
            log_probs, right, gradients = (torch.cat(found)[:count] for found in zip(*parts, strict=True))
            ctx.mark_non_differentiable(right)
            ctx.save_for_backward(gradients)
            return log_probs, right

        @staticmethod
        def backward(ctx: Any, by_log_probs: torch.Tensor, _right: Any) -> tuple[torch.Tensor | None, ...]:
            (gradients,) = ctx.saved_tensors
            return (gradients * by_log_probs[:, None]).to(gradients.dtype), None, None, None, None

    return LabelledLogProbs


def project(
    hidden: torch.Tensor, weight: torch.Tensor, *, scale: float, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Float32 logits, and their derivative by the unscaled ones where a soft cap makes it vary."""
    return _capped((hidden @ weight.t()).float(), scale=scale, softcap=softcap)


def _capped(logits: torch.Tensor, *, scale: float, softcap: float | None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Scale float32 logits and cap them, in place."""
    if scale != 1:
        logits *= scale
    slope = None
    if softcap is not None:
        logits.div_(softcap).tanh_()
        slope = (1 - logits.square()) * scale
        logits *= softcap
    return logits, slope


def _score(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    *,
    scale: float,
    softcap: float | None,
    needs_gradient: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities, accuracy, and if needed the gradients of the log-probabilities by `hidden`.

    Shapes (positions, width), (vocabulary, width), (positions,). Logits are in the compute type, as the model computes
    them; everything else is float32. Where several tokens are the most likely, each of them is right.
    """
    import torch

    logits = hidden @ weight.t()
    values = torch.empty(min(ROWS_IN_CACHE, len(hidden)), len(weight))
    log_probs, right = torch.empty(len(hidden)), torch.empty(len(hidden), dtype=torch.bool)
    for start in range(0, len(hidden), ROWS_IN_CACHE):
        rows = slice(start, start + ROWS_IN_CACHE)
        part, wanted = logits[rows], targets[rows, None]
        chances, slope = _capped(values[: len(part)].copy_(part), scale=scale, softcap=softcap)
        top, target_logits = chances.amax(-1), chances.gather(-1, wanted)[:, 0]
        total = chances.sub_(top[:, None]).exp_().sum(-1)
        log_probs[rows] = target_logits - top - total.log()
        right[rows] = target_logits == top
        if needs_gradient:
            # d log p_t / d z_j = [j = t] - p_j
            chances.div_(-total[:, None]).scatter_add_(-1, wanted, values.new_ones(wanted.shape))
            if slope is not None:
                chances *= slope
            elif scale != 1:
                chances *= scale
            part.copy_(chances)
    return log_probs, right, logits @ weight if needs_gradient else hidden[:0]
