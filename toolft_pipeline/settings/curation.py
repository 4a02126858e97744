"""`curation`: which verified runs are trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section

CategoryName = Literal[
    "single_call", "parallel_calls", "multi_step", "error_then_retry", "error_then_explain", "no_tool"
]
"""The categories of `trajectories.category`, which this module cannot import."""


class CurationSettings(Section):
    """Which verified runs are trained on, on which side of the split, and how often."""

    near_duplicate_threshold: float = Field(0.85, gt=0, le=1)
    """Jaccard similarity of 3-gram sets (task text and call sequence) at which two runs are near-duplicates. Runs with
    different results never are: a different balance needs a different answer. Put fields that differ in every result
    without meaning (how long a search took) into `sandbox.volatile`; times and random ids that no answer repeats are
    ignored."""
    validation_share: float = Field(0.08, ge=0, lt=1)
    """Share of task keys that are held out for the validation loss."""
    min_rows_per_tool: int = Field(1, ge=0)
    """Training rows that each tool keeps, regardless of the split and of caps."""
    max_rows_per_task: int | None = Field(None, ge=1)
    """Most training rows of one task key, golden and older runs first; None keeps all."""
    max_rows_per_kind: int | None = Field(None, ge=1)
    """Most training rows of one kind (category and set of tools), golden and older runs first; None keeps all."""
    weights: dict[CategoryName, Annotated[int | float, Field(ge=1)]] = Field(default_factory=dict)
    """How often training rows of a category are seen in an epoch; 1 by default. Of 1.5, half of the rows are repeated
    once more, drawn by the hash of their ids and `seed`."""
    repeat_tools_to: int = Field(0, ge=0)
    """Oversampling target: training rows per tool, repeats included; 0 switches it off."""
    max_weight: int = Field(4, ge=1)
    """Most repeats of one row: a few rows repeated a hundred times are memorized."""
    own_run_weight: float = Field(1.0, ge=0, le=1)
    """How much the runs of our own models (origin `served`) count: 1 as others, 0 not at all, between a share of them
    by the hash of their ids. A model that learns mostly from itself loses variety: see `serving.monitor`."""
    seed: int = 0
    """Seed of the hashes that split task keys into training and validation, and draw a weight's fraction."""
