"""The night: the newest complete day's data, then the model as of that day. Stopped until a person starts it, or
`schedule.running` does.

Invariant: a night that has nothing to do says why and is not red: here where the day has no logs, in the run where its
logs brought too little.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, SettingsError, load_agent, warehouse_root
from toolft_pipeline.ingest.day import log_files
from toolft_pipeline.orchestration.build import resource_key
from toolft_pipeline.orchestration.jobs import nightly_job_name
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.planning.retrain_policy import base_model_changed, decide_retrain
from toolft_pipeline.warehouse.store import Warehouse


def newest_complete_day(now: datetime, agent: AgentSettings) -> str:
    """Yesterday, in the agent's time zone."""
    return (now.astimezone(ZoneInfo(agent.schedule.time_zone)) - timedelta(days=1)).date().isoformat()


def night_config(agent: AgentSettings) -> dict[str, Any]:
    """Run config of a night: no model where nothing new came."""
    file = {"path": str(agent.folder / AGENT_FILE), "skip_quiet_night": True}
    return {"resources": {resource_key(agent.name): {"config": file}}}


def _as_written_now(agent: AgentSettings) -> AgentSettings:
    """The agent file as it stands, or as it was loaded where it is broken: the run says what is wrong with it."""
    try:
        return load_agent(agent.folder / AGENT_FILE)
    except SettingsError:
        return agent


def nightly_schedule(agent: AgentSettings) -> dg.ScheduleDefinition:
    """Request data and model of the newest complete day, at the agent's hour and time zone."""

    def requests(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day, warehouse = newest_complete_day(context.scheduled_execution_time, agent), Warehouse(warehouse_root())
        if day < agent.first_day:
            return dg.SkipReason(f"{agent.name}: {day} lies before first_day {agent.first_day}")
        worth = decide_retrain(agent, warehouse, day=day)
        if not worth.go and not log_files(agent, day=day) and not base_model_changed(_as_written_now(agent), warehouse):
            return dg.SkipReason(f"{agent.name}: {day} has no logs, and {worth.reason}")
        return dg.RunRequest(run_key=day, partition_key=day, run_config=night_config(agent))

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
