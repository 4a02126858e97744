"""MinHash signatures (Broder 1997) by rensa: 128 numbers that estimate the similarity of two sets.

Invariant: a signature depends on its set only, so a day's signatures are computed once and hold in every window. The
threshold only decides how signatures are cut into bands.
"""

from __future__ import annotations

from itertools import chain
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.shingles import Sets

PERMUTATIONS = 128
_SEED = 42
_RECALL = 0.999
_ROWS = 256
"""Sets per call of rensa: its Python integers stay in the CPU cache (7 us a set; 10 us with 4,096 per call)."""

Signatures = NDArray[np.uint32]
"""One row of `PERMUTATIONS` numbers a document."""


def signatures(sets: Sets) -> Signatures:
    """The MinHash signature of each set.

    rensa takes 2 us for a set of 450 and 5 us to return Python integers; numpy alone took 13 us.
    """
    from rensa import RMinHash

    made = np.empty((len(sets), PERMUTATIONS), np.uint32)
    for first in range(0, len(sets), _ROWS):
        offsets = sets.offsets[first : first + _ROWS + 1]
        values = sets.values[offsets[0] : offsets[-1]]
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            values, (offsets - offsets[0]).astype(np.uint64), PERMUTATIONS, _SEED
        )
        rows = len(offsets) - 1
        numbers = np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint32, rows * PERMUTATIONS)
        made[first : first + rows] = numbers.reshape(rows, PERMUTATIONS)
    return made


def bands_for(threshold: float) -> int:
    """The fewest bands (and false candidates) that propose 99.9 % of the pairs at the threshold.

    With b bands of r rows a pair of similarity s is proposed with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman,
    Ullman, ch. 3).
    """
    for bands in range(1, PERMUTATIONS + 1):
        rows = PERMUTATIONS // bands
        if threshold >= 1 or bands * log(1 - threshold**rows) <= log(1 - _RECALL):
            return bands
    return PERMUTATIONS


def min_estimate(threshold: float) -> float:
    """The estimated similarity below which a pair is skipped: five standard errors below the threshold, which loses one
    true pair in three million."""
    return threshold - 5 * sqrt(threshold * (1 - threshold) / PERMUTATIONS)
