"""`incumbent` and `readiness`: what the agent costs today, and whether fine-tuning is worth it."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class IncumbentSettings(Section):
    """Prices of the model that runs the agent now, in any one currency; what is not given is not reckoned."""

    price_per_million_prompt_tokens: float | None = Field(None, ge=0)
    """Price of a million prompt tokens."""
    price_per_million_completion_tokens: float | None = Field(None, ge=0)
    """Price of a million completion tokens."""


class ReadinessSettings(Section):
    """When fine-tuning is worth it: what the readiness report wants of the window's logs."""

    min_fit: float = Field(0.9, ge=0, le=1)
    """Share of the runs that call only tools that exist today."""
    min_runs: int = Field(100, ge=0)
    """Accepted runs; the published recipe does not hold below 100 training rows."""
    min_repeated: float = Field(0.8, ge=0, le=1)
    """Share of the accepted runs that are of a kind (category and set of tools) seen more than once."""
    min_accepted: float = Field(0.5, ge=0, le=1)
    """Share of the logged runs that pass every rule."""
    min_failing: float = Field(0.01, gt=0, le=1)
    """Share of the runs with a call that does not parse or validate: reason enough to fine-tune."""
    min_catalog_share: float = Field(0.3, gt=0, le=1)
    """The catalog's share of what a turn reads: the other reason that is enough."""
    min_runs_per_tool: int = Field(5, ge=0)
    """Accepted runs that call a tool, below which its check warns."""
