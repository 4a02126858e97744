"""Near-duplicates in a window: MinHash-LSH proposes pairs, exact Jaccard decides (Leskovec, Rajaraman, Ullman, ch. 3).

Invariant: no two survivors are near-duplicates of each other (except one pair in a thousand that LSH misses), each
duplicate names the first survivor that it duplicates, and the survivors depend on the order of the documents only.

Documents are compared with survivors, never with duplicates, so a thousand copies cost a thousand comparisons, not a
million: equal sets are grouped first, and the rest is decided recursively, half by half.
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
"""Documents that are compared all at once."""
_PAIRS = 1 << 21
"""Candidate pairs in memory at once (about 100 MB while they are deduplicated)."""
_COMPARED = 1 << 14
"""Signatures compared at once (16 MB)."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Documents in order of priority: the first of near-duplicates survives.

    `digests` are equal if the sets are. Documents of different `groups` are never near-duplicates; None is one group.
    `sets` loads the sets of the documents with the given numbers; it is called once, for the candidates.
    """

    signatures: Signatures
    digests: Hashes
    groups: Hashes | None = None
    sets: Callable[[Numbers], Sets]


def find_survivors(documents: Documents, *, threshold: float) -> Numbers:
    """For each document `SURVIVES`, or the number of the earlier survivor that it duplicates."""
    groups = np.zeros(len(documents.digests), np.uint64) if documents.groups is None else mix(documents.groups)
    first, same = _first_of_equals(documents.digests + groups)
    bucket, document = _shared_buckets(documents.signatures, first, groups, bands=bands_for(threshold))
    with_candidates, member = np.unique(document, return_inverse=True)
    pairs = _Pairs(documents.signatures, documents.sets(with_candidates), with_candidates, threshold=threshold)
    repeats = np.full(len(with_candidates), SURVIVES)
    _decide(_Slots(bucket, member), 0, len(with_candidates), pairs, repeats)
    duplicates = np.full(len(same), SURVIVES)
    duplicates[with_candidates] = np.where(repeats == SURVIVES, SURVIVES, with_candidates[repeats])
    return np.where((same == np.arange(len(same))) | (duplicates[same] != SURVIVES), duplicates[same], same)


def _first_of_equals(digests: Hashes) -> tuple[Numbers, Numbers]:
    """The first document of each set, in order; and for each document the first one with the same set."""
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    return np.sort(first), first[group]


def _shared_buckets(
    signatures: Signatures, documents: Numbers, groups: Hashes, *, bands: int
) -> tuple[Numbers, Numbers]:
    """LSH buckets with several documents, and their documents, sorted by bucket and document. A bucket is a band's
    numbers within a group."""
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
    """Mask of sorted values with an equal neighbour."""
    equal = np.zeros(len(values) + 1, np.bool_)
    equal[1:-1] = values[1:] == values[:-1]
    return equal[1:] | equal[:-1]


def _numbered(values: Hashes) -> Numbers:
    """Consecutive numbers for sorted values, the same for equal ones."""
    return np.cumsum(np.concatenate([np.zeros(min(1, len(values)), np.int64), values[1:] != values[:-1]]))


class _Slots:
    """Documents by bucket, sorted by bucket and then by document."""

    def __init__(self, bucket: Numbers, document: Numbers) -> None:
        self.bucket = bucket
        self.document = document

    def where(self, kept: NDArray[np.bool_]) -> _Slots:
        """The slots of a mask, without buckets of a single document."""
        bucket, document = self.bucket[kept], self.document[kept]
        shared = _has_equal_neighbour(bucket)
        return _Slots(bucket[shared], document[shared])


class _Pairs:
    """Decides which candidate pairs are near-duplicates."""

    def __init__(self, signatures: Signatures, sets: Sets, documents: Numbers, *, threshold: float) -> None:
        self._signatures = signatures
        self._sets = sets
        self._documents = documents
        self._threshold = threshold

    def close(self, one: Numbers, other: Numbers) -> NDArray[np.bool_]:
        """Whether pairs reach the threshold: by sizes first, then by the MinHash estimate, then exactly."""
        sizes = self._sets.sizes
        small, large = np.minimum(sizes[one], sizes[other]), np.maximum(sizes[one], sizes[other])
        likely = np.flatnonzero(small >= self._threshold * large * (1 - 1e-9))  # tolerates rounding
        likely = likely[self._estimates(one[likely], other[likely]) >= min_estimate(self._threshold)]
        close = np.zeros(len(one), np.bool_)
        close[likely] = jaccard(self._sets, one[likely], other[likely]) >= self._threshold
        return close

    def _estimates(self, one: Numbers, other: Numbers) -> NDArray[np.float64]:
        equal = np.empty(len(one))
        for start in range(0, len(one), _COMPARED):
            part = slice(start, start + _COMPARED)
            left, right = self._documents[one[part]], self._documents[other[part]]
            equal[part] = np.count_nonzero(self._signatures[left] == self._signatures[right], axis=1)
        return equal / PERMUTATIONS


def _decide(slots: _Slots, low: int, high: int, pairs: _Pairs, repeats: Numbers) -> None:
    """Decide documents `low` to `high`, which duplicate none before `low`; write the result to `repeats`."""
    if not len(slots.bucket):
        return
    if high - low <= _LEAF:
        _decide_leaf(slots, low, pairs, repeats)
        return
    middle = (low + high) // 2
    left = slots.document < middle
    _decide(slots.where(left), low, middle, pairs, repeats)
    surviving = left & (repeats[slots.document] == SURVIVES)
    for one, other in _candidates(slots, surviving, ~left):
        close = pairs.close(one, other)
        _name_first(repeats, one[close], other[close])
    _decide(slots.where(~left & (repeats[slots.document] == SURVIVES)), middle, high, pairs, repeats)


def _name_first(repeats: Numbers, survivors: Numbers, duplicates: Numbers) -> None:
    """Record the first survivor of each duplicate, including those recorded before."""
    order = np.lexsort((survivors, duplicates))
    duplicate, at = np.unique(duplicates[order], return_index=True)
    survivor = survivors[order][at]
    known = repeats[duplicate]
    repeats[duplicate] = np.where((known == SURVIVES) | (survivor < known), survivor, known)


def _decide_leaf(slots: _Slots, low: int, pairs: _Pairs, repeats: Numbers) -> None:
    everyone = np.ones(len(slots.bucket), np.bool_)
    close = np.zeros((_LEAF, _LEAF), np.bool_)
    for one, other in _candidates(slots, everyone, everyone):
        earlier, later = one[one < other], other[one < other]
        near = pairs.close(earlier, later)
        close[later[near] - low, earlier[near] - low] = True
    for document in np.flatnonzero(close.any(axis=1)):
        survivors = close[document, :document] & (repeats[low : low + document] == SURVIVES)
        if survivors.any():
            repeats[low + document] = low + np.argmax(survivors)


def _candidates(slots: _Slots, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Iterator[tuple[Numbers, Numbers]]:
    """Unique pairs of a left and a right document that share a bucket, in portions."""
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
