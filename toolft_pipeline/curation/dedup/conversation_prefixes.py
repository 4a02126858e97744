"""Find runs that are a prefix of another run: a conversation that was logged again with each turn.

Invariant: the result depends on the set of runs only, and each excluded run names a run that contains all of it. Memory
is a few numbers a run: the prefix hashes, one per message, are streamed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolft_pipeline.curation.dedup.contamination import NO_MATCH
from toolft_pipeline.curation.dedup.jaccard import Numbers
from toolft_pipeline.curation.dedup.shingles import Hashes, Sets

_SLOTS = 16
"""Slots per run of the bitmap that filters prefix hashes: one in 16 of the others passes."""

_PLACE_BITS = 40
"""Low bits of a rank that hold the run's number; the high bits hold the number of its messages."""


def find_continuations(conversations: Hashes, beginnings: Iterable[tuple[Numbers, Sets]], *, among: Numbers) -> Numbers:
    """For each run the number of the longest run that continues it, the first of equals; else `NO_MATCH`.

    `conversations` are the hashes of whole runs in order of priority, `beginnings` the prefix hashes with their runs'
    numbers. Only runs `among` these are considered on either side.
    """
    known = np.unique(conversations[among])
    considered = np.zeros(len(conversations), np.bool_)
    considered[among] = True
    mask = np.uint64((1 << (_SLOTS * max(1, len(known))).bit_length()) - 1)
    table = np.zeros(int(mask) + 1, np.bool_)
    table[known & mask] = True
    best = np.full(len(known), NO_MATCH)
    for runs, hashes in beginnings:
        run = np.repeat(runs, hashes.sizes)
        likely = np.flatnonzero(table[hashes.values & mask])
        likely = likely[considered[run[likely]]]
        place = np.searchsorted(known, hashes.values[likely])
        hit = place < len(known)
        likely, place = likely[hit], place[hit]
        same = known[place] == hashes.values[likely]
        length = np.repeat(hashes.sizes, hashes.sizes)[likely[same]]
        rank = (length << _PLACE_BITS) | ((1 << _PLACE_BITS) - 1 - run[likely[same]])
        np.maximum.at(best, place[same], rank)
    continued_by = np.full(len(conversations), NO_MATCH)
    longest = best[np.searchsorted(known, conversations[among])]
    continuation = (1 << _PLACE_BITS) - 1 - (longest & ((1 << _PLACE_BITS) - 1))
    continued_by[among] = np.where(longest == NO_MATCH, NO_MATCH, continuation)
    return continued_by
