"""Weights: how often a training row is repeated, so that rare work is not drowned by common work.

Invariant: a weight is a whole number of repeats that follows from the row's kind and from counts, never from chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import ceil

from toolft_pipeline.settings import CurationSettings
from toolft_pipeline.trajectories.category import Category


def weight_of(
    category: Category, tools: Collection[str], *, rows_by_tool: Mapping[str, int], curation: CurationSettings
) -> int:
    """Repeats of a row: what its category asks for, or what brings its rarest tool to `repeat_tools_to` rows.

    `rows_by_tool` counts training rows without repeats. Never more than `max_weight`.
    """
    rarest = min((rows_by_tool[tool] for tool in tools), default=0)
    wanted = ceil(curation.repeat_tools_to / rarest) if rarest else 1
    return min(curation.max_weight, max(1, wanted, curation.weights.get(category.value, 1)))
