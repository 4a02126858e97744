"""Near-duplicates in a window: MinHash-LSH proposes pairs, exact Jaccard decides (Leskovec, Rajaraman, Ullman, ch. 3).

Invariant: no two survivors are near-duplicates of each other (beyond one proposed pair in a thousand that hashing
misses), each duplicate names the first survivor that it is a near-duplicate of, and who survives follows from the
order of the documents alone.

A document is held against survivors and never against duplicates, so a thousand copies cost a thousand comparisons,
not a million: equal sets are taken together first, and the rest is settled half by half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.jaccard import jaccard
from toolft_pipeline.curation.dedup.minhash import PERMUTATIONS, Signatures, bands_for, min_estimate
from toolft_pipeline.curation.dedup.shingles import Hashes, Sets, mix, offsets_of, sort_unique

SURVIVES = -1
_LEAF = 128
"""Documents that are held against each other all at once."""
_PAIRS = 1 << 21
"""Proposed pairs listed at once (about 100 MB while they are told apart)."""
_COMPARED = 1 << 14
"""Signatures compared at once (16 MB)."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Documents in the order of survival: who comes first survives.

    `digests` are equal where the sets are. Documents of different `groups` are never near-duplicates; None is one
    group. `sets` gives the sets of the documents with the numbers asked for; it is
    asked once, for those that look like another.
    """

    signatures: Signatures
    digests: Hashes
    groups: Hashes | None = None
    sets: Callable[[Numbers], Sets]


def find_survivors(documents: Documents, *, threshold: float) -> Numbers:
    """For each document `SURVIVES`, or the number of the earlier survivor that it repeats."""
    groups = np.zeros(len(documents.digests), np.uint64) if documents.groups is None else mix(documents.groups)
    first, same = _first_of_equals(documents.digests + groups)
    bucket, document = _shared_buckets(documents.signatures, first, groups, bands=bands_for(threshold))
    alike, member = np.unique(document, return_inverse=True)
    pairs = _Pairs(documents.signatures, documents.sets(alike), alike, threshold=threshold)
    repeats = np.full(len(alike), SURVIVES)
    _settle(_Slots(bucket, member), 0, len(alike), pairs, repeats)
    found = np.full(len(same), SURVIVES)
    found[alike] = np.where(repeats == SURVIVES, SURVIVES, alike[repeats])
    return np.where((same == np.arange(len(same))) | (found[same] != SURVIVES), found[same], same)


def _first_of_equals(digests: Hashes) -> tuple[Numbers, Numbers]:
    """The first document of each set, in order; and for each document the first that equals it."""
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    return np.sort(first), first[group]


def _shared_buckets(
    signatures: Signatures, documents: Numbers, groups: Hashes, *, bands: int
) -> tuple[Numbers, Numbers]:
    """Buckets (a band's numbers and the group) that several documents fall into, and the documents, by bucket and then
    in order."""
    rows = PERMUTATIONS // bands
    bits = max(1, int(len(signatures) - 1).bit_length())
    low = np.uint64((1 << bits) - 1)
    buckets, members = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    seen = 0
    for band in range(bands):
        hashes = groups[documents].copy()
        for row in range(band * rows, (band + 1) * rows):
            hashes = mix(hashes + signatures[documents, row])
        keys = np.sort((hashes & ~low) | documents.astype(np.uint64))
        bucket = keys >> np.uint64(bits)
        shared = _has_equal_neighbour(bucket)
        buckets.append(_numbered(bucket[shared]) + seen)
        members.append((keys[shared] & low).astype(np.int64))
        seen += len(buckets[-1])
    return np.concatenate(buckets), np.concatenate(members)


def _has_equal_neighbour(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which of sorted values stand beside an equal one."""
    equal = np.zeros(len(values) + 1, np.bool_)
    equal[1:-1] = values[1:] == values[:-1]
    return equal[1:] | equal[:-1]


def _numbered(values: Hashes) -> Numbers:
    """Sorted values by number: equal ones have one number."""
    return np.cumsum(np.concatenate([np.zeros(min(1, len(values)), np.int64), values[1:] != values[:-1]]))


class _Slots:
    """Which document stands in which bucket, sorted by bucket and then by document."""

    def __init__(self, bucket: Numbers, document: Numbers) -> None:
        self.bucket = bucket
        self.document = document

    def where(self, kept: NDArray[np.bool_]) -> _Slots:
        """Those slots, without the buckets in which a single document is left."""
        bucket, document = self.bucket[kept], self.document[kept]
        shared = _has_equal_neighbour(bucket)
        return _Slots(bucket[shared], document[shared])


class _Pairs:
    """Tells which proposed pairs are near-duplicates."""

    def __init__(self, signatures: Signatures, sets: Sets, documents: Numbers, *, threshold: float) -> None:
        self._signatures = signatures
        self._sets = sets
        self._documents = documents
        self._threshold = threshold

    def close(self, one: Numbers, other: Numbers) -> NDArray[np.bool_]:
        """Whether the sets are at the threshold or above: sizes first, then the estimate, then the sets."""
        sizes = self._sets.sizes
        small, large = np.minimum(sizes[one], sizes[other]), np.maximum(sizes[one], sizes[other])
        likely = np.flatnonzero(small >= self._threshold * large * (1 - 1e-9))  # one ulp must not decide
        likely = likely[self._estimates(one[likely], other[likely]) >= min_estimate(self._threshold)]
        found = np.zeros(len(one), np.bool_)
        found[likely] = jaccard(self._sets, one[likely], other[likely]) >= self._threshold
        return found

    def _estimates(self, one: Numbers, other: Numbers) -> NDArray[np.float64]:
        equal = np.empty(len(one))
        for start in range(0, len(one), _COMPARED):
            part = slice(start, start + _COMPARED)
            left, right = self._documents[one[part]], self._documents[other[part]]
            equal[part] = np.count_nonzero(self._signatures[left] == self._signatures[right], axis=1)
        return equal / PERMUTATIONS


def _settle(slots: _Slots, low: int, high: int, pairs: _Pairs, repeats: Numbers) -> None:
    """Decide documents `low` to `high`, which repeat nothing before `low`: write to `repeats` what each repeats."""
    if not len(slots.bucket):
        return
    if high - low <= _LEAF:
        _settle_leaf(slots, low, pairs, repeats)
        return
    middle = (low + high) // 2
    left = slots.document < middle
    _settle(slots.where(left), low, middle, pairs, repeats)
    surviving = left & (repeats[slots.document] == SURVIVES)
    for one, other in _proposed(slots, surviving, ~left):
        close = pairs.close(one, other)
        _name_first(repeats, one[close], other[close])
    _settle(slots.where(~left & (repeats[slots.document] == SURVIVES)), middle, high, pairs, repeats)


def _name_first(repeats: Numbers, survivors: Numbers, duplicates: Numbers) -> None:
    """Let each duplicate name the first of its survivors, among those that it names already."""
    order = np.lexsort((survivors, duplicates))
    duplicate, at = np.unique(duplicates[order], return_index=True)
    survivor = survivors[order][at]
    known = repeats[duplicate]
    repeats[duplicate] = np.where((known == SURVIVES) | (survivor < known), survivor, known)


def _settle_leaf(slots: _Slots, low: int, pairs: _Pairs, repeats: Numbers) -> None:
    everyone = np.ones(len(slots.bucket), np.bool_)
    close = np.zeros((_LEAF, _LEAF), np.bool_)
    for one, other in _proposed(slots, everyone, everyone):
        earlier, later = one[one < other], other[one < other]
        found = pairs.close(earlier, later)
        close[later[found] - low, earlier[found] - low] = True
    for document in np.flatnonzero(close.any(axis=1)):
        survivors = close[document, :document] & (repeats[low : low + document] == SURVIVES)
        if survivors.any():
            repeats[low + document] = low + np.argmax(survivors)


def _proposed(slots: _Slots, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of a left and a right document that share a bucket, each once a portion."""
    bucket, one = slots.bucket[left], slots.document[left]
    buckets, others = slots.bucket[right], slots.document[right]
    starts = np.searchsorted(buckets, bucket, side="left")
    counts = np.searchsorted(buckets, bucket, side="right") - starts
    ends = offsets_of(counts)
    first = 0
    while first < len(counts):
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + _PAIRS, side="right")) - 1)
        part = counts[first:last]
        places = np.arange(ends[last] - ends[first]) + np.repeat(
            starts[first:last] - (ends[first:last] - ends[first]), part
        )
        pairs = sort_unique((np.repeat(one[first:last], part) << 32) | others[places])
        yield pairs >> 32, pairs & 0xFFFFFFFF
        first = last
