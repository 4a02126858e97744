"""The night: the newest complete day's data, then the model as of that day. Stopped until a person starts it, or `schedule.running` does."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from toolft_pipeline.automation.jobs import nightly_job_name
from toolft_pipeline.settings import AgentSettings


def newest_complete_day(now: datetime, agent: AgentSettings) -> str:
    """Yesterday, in the agent's time zone."""
    return (now.astimezone(ZoneInfo(agent.schedule.time_zone)) - timedelta(days=1)).date().isoformat()


def nightly_schedule(agent: AgentSettings) -> dg.ScheduleDefinition:
    """Request data and model of the newest complete day, at the agent's hour and time zone."""

    def requests(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = newest_complete_day(context.scheduled_execution_time, agent)
        if day < agent.first_day:
            return dg.SkipReason(f"{agent.name}: {day} lies before first_day {agent.first_day}")
        return dg.RunRequest(run_key=day, partition_key=day)

    return dg.ScheduleDefinition(
        name=f"{agent.name}_nightly",
        job_name=nightly_job_name(agent.name),
        cron_schedule=f"0 {agent.schedule.hour} * * *",
        execution_timezone=agent.schedule.time_zone,
        execution_fn=requests,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING if agent.schedule.running else dg.DefaultScheduleStatus.STOPPED
        ),
        description="Data of the newest complete day, then the model as of that day.",
    )
