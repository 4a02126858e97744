"""`gate`: when a model is promoted."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class ShadowSettings(Section):
    """A second gate on production work: the candidate repeats verified runs of the newest day."""

    runs: int = Field(0, ge=0)
    """Limit of runs; those that the candidate was not trained on come first. 0 turns the shadow gate off."""
    min_runs: int = Field(10, gt=0)
    """The candidate is refused on a day with fewer replayable runs."""
    task_success: float = Field(0.5, ge=0, le=1)
    """Threshold for the lower bound of the share of runs that end as recorded."""


class GateSettings(Section):
    """Thresholds for a candidate: the lower bound of each 95 % interval must reach them."""

    parse_rate: float = Field(0.95, ge=0, le=1)
    """Steps whose turn is finished and whose calls can all be read."""
    right_tool: float = Field(0.8, ge=0, le=1)
    """Steps that call the expected tools, as often as expected."""
    valid_arguments: float = Field(0.8, ge=0, le=1)
    """Calling steps whose calls all validate against the catalog."""
    task_success: float = Field(0.0, ge=0, le=1)
    """Tasks that the rollout passes; 0 leaves it to the paired test."""
    margin: float = Field(0.0, ge=0, le=1)
    """How much worse than the model in service the candidate may be, at the lower bound of the paired interval. With 0
    it must be significantly better: a tie, or a lead that may be chance, keeps the champion."""
    min_tasks: int = Field(20, gt=0)
    """Every candidate is refused on fewer tasks."""
    shadow: ShadowSettings = ShadowSettings()
