"""The night: the newest day's data, then the model as of that day. Stopped until a person starts it."""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.automation.jobs import nightly_job_name
from toolft_pipeline.automation.partitions import daily_partitions
from toolft_pipeline.settings import AgentSettings


def nightly_schedule(agent: AgentSettings) -> dg.ScheduleDefinition:
    """Request the model job for the newest complete day at the agent's hour and time zone."""

    def requests(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        day = daily_partitions(agent).get_last_partition_key(current_time=now)
        if day is None:
            return dg.SkipReason(f"{agent.name}: no complete day before {now:%Y-%m-%d}")
        return dg.RunRequest(run_key=day, partition_key=day)

    return dg.ScheduleDefinition(
        name=f"{agent.name}_nightly",
        job_name=nightly_job_name(agent.name),
        cron_schedule=f"0 {agent.schedule.hour} * * *",
        execution_timezone=agent.schedule.time_zone,
        execution_fn=requests,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Data of the newest complete day, then the model as of that day.",
    )
