"""The ids of a day's runs, remembered in a few bytes each.

Invariant: an id that was seen is always known again. An id that was not seen is taken for another with a chance of
n^2 / 2^65 for n ids (3e-8 for a million), whatever the ids: Python keys its hash
of strings anew in each process (unless PYTHONHASHSEED fixes the key).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason

REPEATED_ID = Rejection(reason=RejectReason.REPEATED_ID, detail="an earlier line has the same id")
"""A second run under one id would make every later answer about that id ambiguous."""

_64_BITS = 2**64 - 1

_RECENT = 1 << 16
"""Hashes kept in a set (about 70 bytes each) before they join the sorted array (8 bytes each)."""


class SeenIds:
    """A set of ids that only grows."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._sorted = array("Q")

    def add(self, id_: str) -> bool:
        """Remember an id; False where it was seen before."""
        number = hash(id_) & _64_BITS
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
