"""Keys and values of the rows that decode side by side, in one buffer where rows come and go.

Invariant: the last token of every row lies in the same column, so padding is only at the far left of a row and a
sliding window sees no gap. A row that joins or leaves copies itself alone; a step writes one column. (transformers'
`DynamicCache` copies everything for every token: 0.4 GB for 16 rows of 1,500 tokens of Gemma 3 270M.)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import Cache

ROOM = 256
"""Columns to spare on either side when the buffer is laid out: steps until the next time, and longer newcomers."""

LENGTH_STEP = 32
"""On a CPU a step sees a multiple of so many columns, padding included, so there is nearly always a mask: without one
torch shares keys among query heads in a kernel that more than doubles a step's time (bfloat16, 32 rows of 400 tokens:
302 ms and 135)."""

KeyValues = list[tuple["torch.Tensor", "torch.Tensor"]]
"""Keys and values of each layer that has its own, shape (1, heads, tokens, width)."""


def cached_layers(cache: Cache) -> KeyValues:
    """What a cache holds."""
    return [(layer.keys, layer.values) for layer in cache.layers]


class SlotCache:
    """One row a slot; the model reads and writes it as its cache."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        """Tokens of each row."""
        self._buffers: KeyValues = []
        self._end = 0

    @property
    def n_bytes(self) -> int:
        """Size of the buffers."""
        return sum(keys.nbytes + values.nbytes for keys, values in self._buffers)

    def join(self, layers: KeyValues) -> None:
        """Add a row after the others."""
        length = layers[0][0].shape[2]
        slots = self._buffers[0][0].shape[0] if self._buffers else 0
        if len(self.lengths) == slots or length > self._end:
            self._lay_out(layers, slots=len(self.lengths) + 1, width=max(length, *self.lengths, 0))
        slot, first = len(self.lengths), self._end - length
        for buffers, layer in zip(self._buffers, layers, strict=True):
            for buffer, tensor in zip(buffers, layer, strict=True):
                buffer[slot, :, first : self._end] = tensor[0]
        self.lengths.append(length)

    def leave(self, slot: int) -> None:
        """Remove a row; the last one takes its slot."""
        last = len(self.lengths) - 1
        if slot != last:
            first = self._end - self.lengths[last]
            for buffers in self._buffers:
                for buffer in buffers:
                    buffer[slot, :, first : self._end] = buffer[last, :, first : self._end]
            self.lengths[slot] = self.lengths[last]
        self.lengths.pop()
        if not self.lengths:
            self._buffers, self._end = [], 0

    def row(self, slot: int) -> KeyValues:
        """A copy of a row."""
        first = self._end - self.lengths[slot]
        return [
            (keys[slot : slot + 1, :, first : self._end].clone(), values[slot : slot + 1, :, first : self._end].clone())
            for keys, values in self._buffers
        ]

    def step(self, model: Any, tokens: Sequence[int]) -> torch.Tensor:
        """Give each row its next token; the logits after it, shape (rows, vocabulary)."""
        import torch
        from transformers import Cache

        rows, width = len(self.lengths), max(self.lengths)
        if self._end == self._buffers[0][0].shape[2]:
            self._lay_out(self._buffers, slots=rows, width=width)
        device = model.device
        if device.type == "cpu":
            width += min(-(width + 1) % LENGTH_STEP, self._end - width)
        columns = slice(self._end - width, self._end + 1)
        lengths = torch.tensor(self.lengths, device=device)
        mask = torch.arange(width + 1, device=device) >= (width - lengths)[:, None]
        layer = _layer_class()
        views = [layer(keys[:rows, :, columns], values[:rows, :, columns]) for keys, values in self._buffers]
        logits: torch.Tensor = model(
            input_ids=torch.tensor(tokens, device=device)[:, None],
            attention_mask=mask.long(),
            position_ids=lengths[:, None],
            past_key_values=Cache(layers=views),
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._end += 1
        self.lengths = [length + 1 for length in self.lengths]
        return logits

    def _lay_out(self, like: KeyValues, *, slots: int, width: int) -> None:
        """Move the rows into buffers with room for so many slots, rounded up to a power of two, of such a width.

        Padding is zero: a masked column has weight zero, and zero times infinity or NaN is NaN.
        """
        slots, held = 1 << (slots - 1).bit_length(), max(self.lengths, default=0)
        buffers, end = [], width + ROOM
        for number, layer in enumerate(like):
            moved = []
            for part, tensor in enumerate(layer):
                _, heads, _, size = tensor.shape
                buffer = tensor.new_zeros(slots, heads, width + 2 * ROOM, size)
                if held:
                    old = self._buffers[number][part]
                    rows = len(self.lengths)
                    buffer[:rows, :, end - held : end] = old[:rows, :, self._end - held : self._end]
                moved.append(buffer)
            buffers.append((moved[0], moved[1]))
        self._buffers, self._end = buffers, end


@functools.cache
def _layer_class() -> Any:
    """The cache layer that writes into a slot buffer. Made here because the package imports transformers lazily."""
    from transformers.cache_utils import DynamicLayer

    class SlotLayer(DynamicLayer):  # type: ignore[misc] # transformers has no types
        """The columns of one step: those that hold tokens, and a last one for the new token."""

        def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
            super().__init__()
            self.keys, self.values, self.is_initialized = keys, values, True

        def get_seq_length(self) -> int:
            return self.keys.shape[2] - 1

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            self.keys[:, :, -1:] = key_states
            self.values[:, :, -1:] = value_states
            return self.keys, self.values

    return SlotLayer
