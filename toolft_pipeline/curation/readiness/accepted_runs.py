"""Count the accepted runs of a window by kind from the days' signature files, without decoding trajectories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolft_pipeline.curation.run_signatures import batches
from toolft_pipeline.trajectories.record import SERVED

_COLUMNS = ["golden", "category", "tools", "conversation", "beginnings", "origin"]


class AcceptedKind(NamedTuple):
    """What accepted runs are counted by: logged, golden or of our own server, category, tools."""

    golden: bool
    category: str
    tools: tuple[str, ...]
    served: bool = False


@dataclass(frozen=True, kw_only=True)
class AcceptedRuns:
    """Accepted runs by kind: `all` of them, and `distinct` without those that are a prefix of another run.

    A prefix is the same conversation, logged again with each turn: training on the longer run covers it.
    """

    all: dict[AcceptedKind, int]
    distinct: dict[AcceptedKind, int]


def read_accepted_runs(signatures: Iterable[Path]) -> AcceptedRuns:
    """Count the runs of some days' signature files. Memory is 8 bytes a message."""
    kinds: dict[AcceptedKind, int] = {}
    grounded_kind, whole, beginnings = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for path in signatures:
        for batch in batches(path, _COLUMNS):
            columns = (batch[name].to_pylist() for name in ("golden", "category", "tools", "origin"))
            rows = (
                AcceptedKind(golden, name, tuple(tools), origin in SERVED)
                for golden, name, tools, origin in zip(*columns, strict=True)
            )
            grounded_kind.append(np.fromiter((kinds.setdefault(row, len(kinds)) for row in rows), np.int64, len(batch)))
            whole.append(batch["conversation"].to_numpy())
            beginnings.append(batch["beginnings"].flatten().to_numpy())
    numbers = np.concatenate(grounded_kind)
    continued = np.isin(np.concatenate(whole), np.concatenate(beginnings))
    return AcceptedRuns(all=_counted(kinds, numbers), distinct=_counted(kinds, numbers[~continued]))


def _counted(kinds: dict[AcceptedKind, int], numbers: NDArray[np.int64]) -> dict[AcceptedKind, int]:
    counts = np.bincount(numbers, minlength=len(kinds)).tolist()
    return {kind: count for kind, count in zip(kinds, counts, strict=True) if count}
