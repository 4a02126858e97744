"""Which side a task is on: training or validation.

Invariant: the side of a task key is a hash of the key and the seed, so it is the same on every day, in every window
and on every machine; all runs of one task are on one side. The one exception is named in the selection: a tool that
would have too few training rows takes whole task keys back from validation, those nearest the border first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum


class Side(StrEnum):
    """What a run is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    OUT = "out"


def fraction(key: str, *, seed: int) -> float:
    """A task key's fixed place in [0, 1)."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8]) / 2**64


def side_of(key: str, *, share: float, seed: int) -> Side:
    """The side of a task key, with `share` of all keys in validation."""
    return Side.VALIDATION if fraction(key, seed=seed) < share else Side.TRAIN


def kept_for_tools(
    rows: Sequence[tuple[str, Collection[str]]], *, tools: Collection[str], least: int, share: float, seed: int
) -> Mapping[str, str]:
    """Task keys that leave validation for training, each with the tool that needs it.

    `rows` are the runs in use as (task key, tools called). Where a tool has fewer than `least` rows even so, all of
    its task keys train.
    """
    counts: Counter[str] = Counter()
    held: dict[str, list[Collection[str]]] = {}
    for key, used in rows:
        if side_of(key, share=share, seed=seed) is Side.TRAIN:
            counts.update(set(used))
        else:
            held.setdefault(key, []).append(used)
    nearest_first = sorted(held, key=lambda key: (-fraction(key, seed=seed), key))
    moved: dict[str, str] = {}
    for tool in sorted(tools):
        for key in nearest_first:
            if counts[tool] >= least:
                break
            if key not in moved and any(tool in used for used in held[key]):
                moved[key] = tool
                counts.update(name for used in held[key] for name in set(used))
    return moved
