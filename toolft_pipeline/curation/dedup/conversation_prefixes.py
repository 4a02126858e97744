"""Runs that another run begins with: a conversation that was logged again with each turn is one conversation.

Invariant: what is found follows from the runs as a set, and each run that is left out names one that says all of it
and more. Memory is a few numbers a run: the hashes of beginnings, as many as there are messages, are streamed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolft_pipeline.curation.dedup.contamination import NO_MATCH
from toolft_pipeline.curation.dedup.jaccard import Numbers
from toolft_pipeline.curation.dedup.shingles import Hashes, Sets

_SLOTS = 16
"""Places of the table that beginnings are first looked up in, for each run: one in 16 of the others gets past it."""

_PLACE_BITS = 40
"""Bits of a run's number in the order of survival; the bits above hold how many messages its conversation has."""


def find_continuations(conversations: Hashes, beginnings: Iterable[tuple[Numbers, Sets]], *, among: Numbers) -> Numbers:
    """For each run the number of the longest run that begins with all of it, the first of equally long ones;
    `NO_MATCH` where there is none.

    `conversations` are the hashes of whole runs in the order of survival, `beginnings` those of what runs begin with,
    with their runs' numbers. Only runs `among` these are looked at on either side.
    """
    known = np.unique(conversations[among])
    asked = np.zeros(len(conversations), np.bool_)
    asked[among] = True
    mask = np.uint64((1 << (_SLOTS * max(1, len(known))).bit_length()) - 1)
    table = np.zeros(int(mask) + 1, np.bool_)
    table[known & mask] = True
    best = np.full(len(known), NO_MATCH)
    for runs, hashes in beginnings:
        run = np.repeat(runs, hashes.sizes)
        likely = np.flatnonzero(table[hashes.values & mask])
        likely = likely[asked[run[likely]]]
        place = np.searchsorted(known, hashes.values[likely])
        hit = place < len(known)
        likely, place = likely[hit], place[hit]
        same = known[place] == hashes.values[likely]
        length = np.repeat(hashes.sizes, hashes.sizes)[likely[same]]
        rank = (length << _PLACE_BITS) | ((1 << _PLACE_BITS) - 1 - run[likely[same]])
        np.maximum.at(best, place[same], rank)
    found = np.full(len(conversations), NO_MATCH)
    longest = best[np.searchsorted(known, conversations[among])]
    mine = (1 << _PLACE_BITS) - 1 - (longest & ((1 << _PLACE_BITS) - 1))
    found[among] = np.where(longest == NO_MATCH, NO_MATCH, mine)
    return found
