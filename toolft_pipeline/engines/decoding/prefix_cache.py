"""Keys and values of earlier requests, so that a conversation's next turn prefills only what is new.

Invariant: an entry is a request's own ids, from the first on and without padding, so its keys have the positions that
any other prompt with the same beginning needs. A prompt is never reused whole: its last token is computed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from toolft_pipeline.engines.decoding.slot_cache import KeyValues

SHORTEST = 16
"""Tokens of a shared beginning that are worth the look-up."""


class PrefixCache:
    """Least recently used entries go first once all together take more than `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[bytes, KeyValues] = OrderedDict()
        self.n_bytes = 0

    def find(self, ids: Sequence[int]) -> KeyValues:
        """Keys and values of the longest known beginning of a prompt; empty if there is none."""
        prompt = np.asarray(ids[:-1], dtype=np.int32)
        best, length = None, SHORTEST - 1
        for key in self._entries:
            shared = _shared(prompt, np.frombuffer(key, dtype=np.int32))
            if shared > length:
                best, length = key, shared
        if best is None:
            return []
        self._entries.move_to_end(best)
        return [(keys[:, :, :length], values[:, :, :length]) for keys, values in self._entries[best]]

    def keep(self, ids: Sequence[int], layers: KeyValues) -> None:
        """Keep the keys and values of these ids; an entry that is a beginning of them is dropped."""
        new = np.asarray(ids, dtype=np.int32)
        size = sum(keys.nbytes + values.nbytes for keys, values in layers)
        if size > self._max_bytes:
            return
        for key in list(self._entries):
            old = np.frombuffer(key, dtype=np.int32)
            if len(old) <= len(new) and _shared(new, old) == len(old):
                self._drop(key)
        self._entries[new.tobytes()] = layers
        self.n_bytes += size
        while self.n_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self.n_bytes = 0

    def _drop(self, key: bytes) -> None:
        self.n_bytes -= sum(keys.nbytes + values.nbytes for keys, values in self._entries.pop(key))


def shared_tokens(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading ids of two prompts are equal."""
    return _shared(np.asarray(one, dtype=np.int32), np.asarray(other, dtype=np.int32))


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    """How many leading ids are equal."""
    length = min(len(one), len(other))
    differ = np.flatnonzero(one[:length] != other[:length])
    return int(differ[0]) if len(differ) else length
