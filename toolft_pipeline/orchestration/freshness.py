"""The time by which an asset is due; after that its page turns red."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Freshness, Stage

HOURS_FOR_DATA = 2
"""Hours between the start of the nightly run and the deadline of the day's data."""


def freshness_policy(stage: Stage, agent: AgentSettings) -> dg.FreshnessPolicy | None:
    """Dagster's policy for the freshness that a stage declares."""
    if stage.freshness is Freshness.NIGHTLY:
        hour = (agent.schedule.hour + HOURS_FOR_DATA) % 24
        return dg.FreshnessPolicy.cron(
            deadline_cron=f"0 {hour} * * *", lower_bound_delta=timedelta(hours=24), timezone=agent.schedule.time_zone
        )
    if stage.freshness is Freshness.WINDOW:
        due = timedelta(days=agent.window_days)
        return dg.FreshnessPolicy.time_window(fail_window=due, warn_window=due / 2)
    return None
