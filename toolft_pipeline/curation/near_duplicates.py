"""Near-duplicates by MinHash-LSH (Broder 1997; Leskovec, Rajaraman, Ullman, ch. 3), confirmed by exact Jaccard.

Invariant: no two survivors are near-duplicates of each other, each duplicate names the survivor that stands for it,
and who survives follows from the order of the documents alone: hashing only proposes pairs, the sets decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import log

PERMUTATIONS = 128
_RECALL = 0.999
_SEED = 42


class NearDuplicates:
    """An index of documents (sets of shingles), in which a new one's near-duplicate can be found."""

    def __init__(self, *, threshold: float) -> None:
        from rensa import RMinHashLSH

        bands = bands_for(threshold)
        self._threshold = threshold
        self._permutations = PERMUTATIONS // bands * bands
        self._lsh = RMinHashLSH(threshold, self._permutations, bands)
        self._documents: list[frozenset[str]] = []

    def find(self, document: frozenset[str]) -> int | None:
        """The first added document that is a near-duplicate of this one, by its number; None where there is none."""
        candidates = self._lsh.query(self._signature(document))
        close = (n for n in candidates if jaccard(self._documents[n], document) >= self._threshold)
        return min(close, default=None)

    def add(self, document: frozenset[str]) -> int:
        """Add a document; its number."""
        number = len(self._documents)
        self._lsh.insert(number, self._signature(document))
        self._documents.append(document)
        return number

    def _signature(self, document: frozenset[str]) -> object:
        from rensa import RMinHash

        signature = RMinHash(self._permutations, _SEED)
        signature.update(sorted(document))
        return signature


def representatives(documents: Iterable[frozenset[str]], *, threshold: float) -> Iterator[int | None]:
    """For each document, in order: None if it survives, else the number of the earlier survivor that it repeats."""
    index = NearDuplicates(threshold=threshold)
    survivors: list[int] = []
    for number, document in enumerate(documents):
        found = index.find(document)
        if found is None:
            index.add(document)
            survivors.append(number)
        yield None if found is None else survivors[found]


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared shingles over all shingles; two empty sets are equal."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0


def bands_for(threshold: float) -> int:
    """The fewest bands (so the fewest false candidates) that still propose 99.9 % of pairs at the threshold.

    With b bands of r rows a pair of similarity s is proposed with probability 1 - (1 - s^r)^b.
    """
    for bands in range(1, PERMUTATIONS + 1):
        rows = PERMUTATIONS // bands
        if threshold >= 1 or bands * log(1 - threshold**rows) <= log(1 - _RECALL):
            return bands
    return PERMUTATIONS
