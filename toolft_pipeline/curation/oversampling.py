"""Oversampling weights: how often a training row is repeated, so that rare kinds of runs have enough rows.

Invariant: a weight depends on the row's kind and on counts; what its fraction repeats depends on the run's id and the
seed. So a larger weight repeats all that a smaller one repeated, and other runs change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from math import ceil

from toolft_pipeline.settings import CurationSettings
from toolft_pipeline.trajectories.category import Category


def weight_of(
    category: Category, tools: Collection[str], *, rows_by_tool: Mapping[str, int], curation: CurationSettings
) -> float:
    """Weight of a row: the larger of its category's weight and what brings its rarest tool to `repeat_tools_to` rows.

    `rows_by_tool` counts training rows without repeats. At most `max_weight`.
    """
    rarest = min((rows_by_tool[tool] for tool in tools), default=0)
    for_tools = ceil(curation.repeat_tools_to / rarest) if rarest else 1
    return min(curation.max_weight, max(1, for_tools, curation.weights.get(category.value, 1)))


def repeats_of(trajectory_id: str, *, weight: float, seed: int) -> int:
    """How often a run's rows are seen in an epoch: the whole part of the weight, and once more for a share of the runs
    that is its fraction."""
    whole, fraction = int(weight), weight % 1
    if not fraction:
        return whole
    digest = hashlib.sha256(f"repeat\0{seed}\0{trajectory_id}".encode()).digest()
    return whole + (int.from_bytes(digest[:8]) / 2.0**64 < fraction)
