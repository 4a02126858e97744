"""Choose the next token of a row: the most likely one, or a draw that a seed repeats.

Invariant: a choice depends on the row's own logits and its own random numbers, one a token, never on its neighbours.
The draw runs over the tokens in the order of their ids, so rounding between batches moves a border a little and never
swaps two tokens.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from toolft_pipeline.engines.engine import DecodeRequest, EngineError
from toolft_pipeline.engines.token_mask import TokenMask

if TYPE_CHECKING:
    import torch


class Sampler:
    """Chooses the tokens of one request."""

    def __init__(self, request: DecodeRequest, mask: TokenMask | None = None) -> None:
        self._temperature = request.temperature
        self._top_p = request.top_p
        self._random = random.Random(request.seed)
        self._mask = mask
        self.n_corrected = 0
        """Tokens so far where the grammar forbade the most likely one."""

    @property
    def is_plain(self) -> bool:
        """Whether the most likely token is always taken, so that a batch can choose at once."""
        return self._temperature == 0 and self._mask is None

    def choose(self, logits: torch.Tensor) -> int:
        """The next token by its logits, shape (vocabulary,). Raises `EngineError` if the grammar allows none."""
        logits = logits.float()
        if self._mask is not None:
            likely = int(logits.argmax())
            logits = self._mask.allowed(logits.clone())
            self.n_corrected += bool(logits[likely].isneginf())
        token = int(logits.argmax()) if self._temperature == 0 else self._draw(logits)
        if self._mask is not None and bool(logits[token].isneginf()):
            raise EngineError("the grammar allows no token here: it ends before the model's stop token")
        return token

    def accept(self, token: int) -> None:
        """Tell the grammar that the answer goes on after this token."""
        if self._mask is not None:
            self._mask.accept(token)

    def _draw(self, logits: torch.Tensor) -> int:
        """Inverse of the cumulative distribution over the nucleus."""
        import torch

        chances = (logits.double().cpu() / self._temperature).softmax(-1)
        if self._top_p < 1:
            ordered, ids = chances.sort(descending=True, stable=True)
            before = ordered.cumsum(-1) - ordered
            before[0] = -1.0  # the most likely token stays, whatever `top_p` is
            chances = torch.zeros_like(chances).scatter_(0, ids, ordered.where(before < self._top_p, 0.0))
        reached = chances.cumsum(-1)
        drawn = self._random.random() * float(reached[-1])
        token = int(torch.searchsorted(reached, drawn, right=True))
        return token if token < len(chances) and chances[token] > 0 else int(chances.argmax())
