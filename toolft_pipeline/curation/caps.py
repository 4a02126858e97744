"""Caps: how much one task, or one kind of work, may say.

Invariant: of the rows that a cap counts together those that come first stay (golden runs, then older ones), so a new
day never unseats what was trained on before; and no cap takes from a tool a row that it needs to keep its minimum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def over_cap(groups: NDArray[np.generic], *, cap: int | None) -> NDArray[np.bool_]:
    """Which rows come after the first `cap` rows of their group."""
    if cap is None:
        return np.zeros(len(groups), np.bool_)
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(groups)])
    sizes = np.diff(np.append(starts, len(groups)))
    late = np.empty(len(groups), np.bool_)
    late[order] = np.arange(len(groups)) - np.repeat(starts, sizes) >= cap
    return late


def needed_by_tools(
    cut: Numbers, staying: Numbers, *, kind_tools: Sequence[Collection[str]], tools: Collection[str], least: int
) -> NDArray[np.bool_]:
    """Which rows that a cap would cut stay, first come first: those that call a tool with too few rows left.

    `cut` and `staying` name the rows' kinds, `kind_tools` the tools of each kind.
    """
    counts: Counter[str] = Counter()
    for kind, rows in enumerate(np.bincount(staying, minlength=len(kind_tools)).tolist()):
        counts.update(dict.fromkeys(kind_tools[kind], rows))
    stays = np.zeros(len(cut), np.bool_)
    short = {tool for tool in tools if counts[tool] < least}
    for place, kind in enumerate(cut.tolist() if short else ()):
        if not short.isdisjoint(kind_tools[kind]):
            stays[place] = True
            counts.update(set(kind_tools[kind]))
            short = {tool for tool in short if counts[tool] < least}
    return stays
