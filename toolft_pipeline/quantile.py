"""The one definition of a quantile in this package: nearest rank.

Nearest rank (Hyndman and Fan 1996, Am. Stat. 50:361, definition 1; numpy's `method="inverted_cdf"`): the smallest
value that at least this share of the values does not exceed. It is always a value that was measured: the median of 1 to
100 is 50, of two values the smaller one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

_ROUNDING = 1e-9
"""0.07 * 100 is a little above 7 in binary: the rank must still be 7."""


def quantile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank quantile for a `share` from 0 to 1; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered) - _ROUNDING) - 1)] if ordered else None
