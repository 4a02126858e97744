"""Caps on the training rows of one task or one kind.

Invariant: within a group the first rows stay (golden runs, then older ones), so a new day never displaces rows that
were trained on before; and no cap takes a tool below its minimum of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def over_cap(groups: NDArray[np.generic], *, cap: int | None) -> NDArray[np.bool_]:
    """Mask of the rows after the first `cap` rows of their group; `cap` None masks none."""
    if cap is None:
        return np.zeros(len(groups), np.bool_)
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(groups)])
    sizes = np.diff(np.append(starts, len(groups)))
    excess = np.empty(len(groups), np.bool_)
    excess[order] = np.arange(len(groups)) - np.repeat(starts, sizes) >= cap
    return excess


def needed_by_tools(
    cut: Numbers, staying: Numbers, *, kind_tools: Sequence[Collection[str]], tools: Collection[str], least: int
) -> NDArray[np.bool_]:
    """Mask of the `cut` rows that must stay because they call a tool with fewer than `least` rows, in order.

    `cut` and `staying` are the rows' kinds, `kind_tools` the tools of each kind.
    """
    counts: Counter[str] = Counter()
    for kind, rows in enumerate(np.bincount(staying, minlength=len(kind_tools)).tolist()):
        counts.update(dict.fromkeys(kind_tools[kind], rows))
    stays = np.zeros(len(cut), np.bool_)
    short = {tool for tool in tools if counts[tool] < least}
    for index, kind in enumerate(cut.tolist() if short else ()):
        if not short.isdisjoint(kind_tools[kind]):
            stays[index] = True
            counts.update(set(kind_tools[kind]))
            short = {tool for tool in short if counts[tool] < least}
    return stays
