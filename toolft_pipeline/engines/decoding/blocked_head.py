"""The output layer on a CPU in float32, a block of the vocabulary after the other.

torch multiplies the few rows of a decoding step with a large matrix at half the speed or less: 32 rows with the
262,144 x 640 of Gemma 3 270M take 174 ms on two cores, and 108 in blocks that fit the caches, each as block x rows;
one row takes 58, and four take 30.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

BLOCK = 2048
"""Tokens of the vocabulary in one product."""

LEAST_ROWS = 4
"""Fewer rows are filled up with zeros."""

MOST_ROWS = 64
"""With more rows one product is as fast."""


def use_blocked_head(model: PreTrainedModel) -> None:
    """Give a model that decodes in float32 on a CPU this output layer, if it has one without a bias."""
    import torch

    head = model.get_output_embeddings()
    if isinstance(head, torch.nn.Linear) and head.bias is None and head.weight.dtype == torch.float32:
        model.set_output_embeddings(_head_class()(head.weight))


@functools.cache
def _head_class() -> Any:
    """Defined on first use, because this module does not import torch."""
    import torch

    class BlockedHead(torch.nn.Module):
        """`hidden` (..., width) to logits (..., vocabulary)."""

        def __init__(self, weight: torch.nn.Parameter) -> None:
            super().__init__()
            self.weight = weight

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            rows = hidden.reshape(-1, hidden.shape[-1])
            n_rows = len(rows)
            if n_rows > MOST_ROWS:
                return torch.nn.functional.linear(hidden, self.weight)
            if n_rows < LEAST_ROWS:
                rows = torch.nn.functional.pad(rows, (0, 0, 0, LEAST_ROWS - n_rows))
            logits = rows.new_empty(n_rows, len(self.weight))
            for first in range(0, len(self.weight), BLOCK):
                logits[:, first : first + BLOCK] = (self.weight[first : first + BLOCK] @ rows.T).T[:n_rows]
            return logits.view(*hidden.shape[:-1], -1)

    return BlockedHead
