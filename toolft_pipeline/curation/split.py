"""Which side a task is on: training or validation.

Invariant: the side of a task key is a hash of the key and the seed, so it is the same on every day, in every window
and on every machine; all runs of one task are on one side. The one exception is named in the selection: a tool that
would have too few training rows takes whole task keys back from validation, those nearest the border first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Split(StrEnum):
    """What a run is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    OUT = "out"


def key_number(key: str, *, seed: int) -> int:
    """A task key's fixed place among 2^64: stands for the key wherever its text is not needed."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8])


def is_validation(numbers: NDArray[np.uint64], *, share: float) -> NDArray[np.bool_]:
    """Which keys, by number, are on the validation side where `share` of all keys is: those lowest among 2^64."""
    return numbers / 2.0**64 < share


def kept_for_tools(
    is_validation: Iterable[tuple[int, Collection[str]]],
    *,
    training_rows: Mapping[str, int],
    tools: Collection[str],
    least: int,
) -> Mapping[int, str]:
    """Task keys that leave validation for training, by number, each with the tool that needs it.

    `is_validation` are the runs in use on the validation side as (task key's number, tools called), `training_rows` how
    many runs of the training side call each tool. Where a tool has fewer than `least` even so, all of its keys train.
    """
    counts = Counter(training_rows)
    held: dict[int, list[Collection[str]]] = {}
    for key, used in is_validation:
        held.setdefault(key, []).append(used)
    nearest_first = sorted(held, reverse=True)
    moved: dict[int, str] = {}
    for tool in sorted(tools):
        for key in nearest_first:
            if counts[tool] >= least:
                break
            if key not in moved and any(tool in used for used in held[key]):
                moved[key] = tool
                counts.update(name for used in held[key] for name in set(used))
    return moved
