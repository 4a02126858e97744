"""`gate`: when a model is promoted."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class ShadowSettings(Section):
    """A second gate, on production's own work: verified runs of the newest day, done again by the candidate."""

    runs: int = Field(0, ge=0)
    """How many runs at most; those that the candidate was not trained on come first. 0 asks for no shadow gate."""
    min_runs: int = Field(10, gt=0)
    """A day with fewer runs that can be replayed refuses the candidate."""
    task_success: float = Field(0.5, ge=0, le=1)
    """What the lower end of the interval of the runs done right must reach."""


class GateSettings(Section):
    """What a candidate must show: the lower end of each 95 % interval against a threshold."""

    parse_rate: float = Field(0.95, ge=0, le=1)
    """Steps whose turn is finished and whose calls can all be read."""
    right_tool: float = Field(0.8, ge=0, le=1)
    """Steps that call the expected tools, as often as expected."""
    valid_arguments: float = Field(0.8, ge=0, le=1)
    """Calling steps whose calls all validate against the catalog."""
    task_success: float = Field(0.0, ge=0, le=1)
    """Tasks that the rollout passes; 0 leaves it to the paired test."""
    margin: float = Field(0.0, ge=0, le=1)
    """How much worse than the model in service the candidate may be, at the lower end of the paired interval. With 0
    it must be shown to be better: a tie, and a lead that may be chance, keep the champion."""
    min_tasks: int = Field(20, gt=0)
    """A thinner test set refuses every candidate."""
    shadow: ShadowSettings = ShadowSettings()
