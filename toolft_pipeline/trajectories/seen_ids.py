"""The ids of a day's runs, remembered in a few bytes each.

Invariant: an id that was seen is always known again. An id that was not seen is taken for another with a chance of
n^2 / 2^65 for n ids (3e-8 for a million), whatever the ids: the hash is keyed anew in each process.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left

import numpy as np

_RECENT = 1 << 16
"""Hashes kept in a set (about 70 bytes each) before they join the sorted array (8 bytes each)."""


class SeenIds:
    """A set of ids that only grows."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._recent: set[int] = set()
        self._sorted = array("Q")

    def add(self, id_: str) -> bool:
        """Remember an id; False where it was seen before."""
        data = id_.encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._key).digest(), "little")
        if number in self._recent or self._settled(number):
            return False
        self._recent.add(number)
        if len(self._recent) >= _RECENT:
            self._settle()
        return True

    def _settled(self, number: int) -> bool:
        place = bisect_left(self._sorted, number)
        return place < len(self._sorted) and self._sorted[place] == number

    def _settle(self) -> None:
        recent = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
        merged = np.sort(np.concatenate([np.frombuffer(self._sorted, dtype=np.uint64), recent]))
        self._sorted = array("Q", merged.tobytes())
        self._recent.clear()
