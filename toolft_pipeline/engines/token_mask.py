"""What a grammar allows next, by protocol; the package `serving/nets` makes the masks.

Invariant: a mask belongs to one request. Its factory is called on a worker thread before the request waits for its
place; the mask itself is used by the model's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class TokenMask(Protocol):
    """The state of a grammar within one generation."""

    def allowed(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits with -inf at every token that the grammar forbids here; shape (vocabulary,), any device.

        The stop token is allowed where the grammar may end. The given tensor may be changed in place.
        """

    def accept(self, token: int) -> None:
        """Go on after this token. Called for every new token but the stop token."""


MaskFactory = Callable[[str], TokenMask]
"""Makes the mask of a grammar. Raises `EngineError` for a grammar that does not compile."""
