"""Oversampling weights: how often a training row is repeated, so that rare kinds of runs have enough rows.

Invariant: a weight is an integer that depends on the row's kind and on counts, never on chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import ceil

from toolft_pipeline.settings import CurationSettings
from toolft_pipeline.trajectories.category import Category


def weight_of(
    category: Category, tools: Collection[str], *, rows_by_tool: Mapping[str, int], curation: CurationSettings
) -> int:
    """Repeats of a row: the larger of its category's weight and what brings its rarest tool to `repeat_tools_to` rows.

    `rows_by_tool` counts training rows without repeats. At most `max_weight`.
    """
    rarest = min((rows_by_tool[tool] for tool in tools), default=0)
    for_tools = ceil(curation.repeat_tools_to / rarest) if rarest else 1
    return min(curation.max_weight, max(1, for_tools, curation.weights.get(category.value, 1)))
