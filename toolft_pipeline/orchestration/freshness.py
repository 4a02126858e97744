"""By when an asset must have been made again before its page turns red."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Stage

HOURS_FOR_DATA = 2
"""Between the night's start and the time by which a day's runs are to be verified."""


def freshness_policy(stage: Stage, agent: AgentSettings) -> dg.FreshnessPolicy | None:
    """Data are due every night: a silent logger shows here, where no run fails. A model is due before the window has
    moved past all that the last one was judged on: a quiet night makes none, and that is no fault."""
    if stage.asset == "verified_trajectories":
        hour = (agent.schedule.hour + HOURS_FOR_DATA) % 24
        return dg.FreshnessPolicy.cron(
            deadline_cron=f"0 {hour} * * *", lower_bound_delta=timedelta(hours=24), timezone=agent.schedule.time_zone
        )
    if stage.asset == "eval_report":
        due = timedelta(days=agent.window_days)
        return dg.FreshnessPolicy.time_window(fail_window=due, warn_window=due / 2)
    return None
