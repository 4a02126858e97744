"""`curation`: which true runs teach."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section

CategoryName = Literal[
    "single_call", "parallel_calls", "multi_step", "error_then_retry", "error_then_explain", "no_tool"
]
"""The categories of `trajectories.category`, which lies above this module."""


class CurationSettings(Section):
    """Which true runs teach."""

    near_duplicate_threshold: float = Field(0.85, gt=0, le=1)
    """Jaccard similarity of 3-gram sets (task text and call sequence) at which two runs are near-duplicates. Runs whose
    calls returned something else never are: another balance is another answer. What differs in every result and means
    nothing (how long a search took) belongs into `sandbox.volatile`; times and random ids that no answer repeats do
    not count anyhow."""
    validation_share: float = Field(0.08, ge=0, lt=1)
    """Share of task keys held out for the validation loss."""
    min_rows_per_tool: int = Field(1, ge=0)
    """Training rows that each tool keeps, whatever side its tasks hash to and whatever a cap says."""
    max_rows_per_task: int | None = Field(None, ge=1)
    """Training rows of one task key at most, golden and older runs first; None is all."""
    max_rows_per_kind: int | None = Field(None, ge=1)
    """Training rows of one kind (category and set of tools) at most, golden and older runs first; None is all."""
    weights: dict[CategoryName, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """How often the training rows of a category are repeated, by category; once where it is not named."""
    repeat_tools_to: int = Field(0, ge=0)
    """Training rows, repeats included, that each tool is brought to by repeating its rows; 0 repeats none."""
    max_weight: int = Field(4, ge=1)
    """How often one row is repeated at most: a handful of rows said a hundred times is learned by heart."""
    seed: int = 0
    """Seed of the hash that splits task keys into training and validation."""
