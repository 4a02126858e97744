"""The split of task keys into training and validation.

Invariant: the split hashes the task key and the seed, so it is the same on every day, in every window and on every
machine, and all runs of one task are on one side. The one exception is recorded in the selection: a tool with too few
training rows takes whole task keys back from validation, those nearest to the threshold first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Split(StrEnum):
    """The use of a run."""

    TRAIN = "train"
    VALIDATION = "validation"
    OUT = "out"


def key_number(key: str, *, seed: int) -> int:
    """A 64-bit hash of a task key, which decides its split and identifies the key."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8])


def is_validation(numbers: NDArray[np.uint64], *, share: float) -> NDArray[np.bool_]:
    """Mask of the keys, by their hashes, in the validation split: the lowest `share` of the 64-bit range."""
    return numbers / 2.0**64 < share


def kept_for_tools(
    validation: Iterable[tuple[int, Collection[str]]],
    *,
    training_rows: Mapping[str, int],
    tools: Collection[str],
    least: int,
) -> Mapping[int, str]:
    """Task keys that move from validation to training, by hash, each with the tool that needs it.

    `validation` are the validation runs as (task key's hash, tools called), `training_rows` the training runs by tool.
    If a tool still has fewer than `least`, all of its keys move.
    """
    counts = Counter(training_rows)
    held: dict[int, list[Collection[str]]] = {}
    for key, used in validation:
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
