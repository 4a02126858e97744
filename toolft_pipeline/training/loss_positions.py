"""Project to the vocabulary only where there is loss, on a CPU too.

TRL's fused loss scores only the labelled positions on CUDA; elsewhere it scores every position, to keep tile shapes
stable for compilers that this project does not use on a CPU. With 262,144 tokens of vocabulary the projection is most
of Gemma 3 270M's work, and about 60 % of an agent's tokens carry no loss.

Invariant: the loss and its gradients are the same either way; only work on masked positions is left out.
"""

from __future__ import annotations

import warnings


def score_loss_positions_only() -> None:
    """Let TRL select the labelled positions on every device; warns and changes nothing where TRL has changed."""
    import trl.trainer.utils as fused

    if not can_score_loss_positions_only():
        warnings.warn("TRL's fused loss has changed: every position is scored, training is slower", stacklevel=2)
        return
    fused._use_triton = lambda _device: True


def can_score_loss_positions_only() -> bool:
    """Whether this TRL is one that `score_loss_positions_only` knows."""
    import trl.trainer.utils as fused

    return hasattr(fused, "_use_triton")
