"""`incumbent` and `readiness`: what the agent costs today, and when fine-tuning pays."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class IncumbentSettings(Section):
    """Prices of the model that runs the agent now, in any one currency; without them no costs are computed."""

    price_per_million_prompt_tokens: float | None = Field(None, ge=0)
    """Price of a million prompt tokens."""
    price_per_million_completion_tokens: float | None = Field(None, ge=0)
    """Price of a million completion tokens."""


class ReadinessSettings(Section):
    """The thresholds of the readiness report's criteria."""

    min_fit: float = Field(0.9, ge=0, le=1)
    """Least share of runs that call only tools of today's catalog."""
    min_runs: int = Field(100, ge=0)
    """Least accepted runs; the published recipe does not hold below 100 training rows."""
    min_repeated: float = Field(0.8, ge=0, le=1)
    """Least share of accepted runs of a kind (category and set of tools) that occurs more than once."""
    min_accepted: float = Field(0.5, ge=0, le=1)
    """Least share of logged runs that pass every rule."""
    min_failing: float = Field(0.01, gt=0, le=1)
    """Share of runs with a call that does not parse or validate from which fine-tuning has something to gain."""
    min_catalog_share: float = Field(0.3, gt=0, le=1)
    """The catalog's share of a turn's prompt tokens from which fine-tuning has something to gain."""
    min_runs_per_tool: int = Field(5, ge=0)
    """Least accepted runs per tool, below which a check warns."""
