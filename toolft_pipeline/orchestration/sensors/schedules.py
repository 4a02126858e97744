"""The nightly schedule: the newest complete day's data, then the model as of that day.

Invariant: a night with nothing to do says why and does not fail: the schedule skips a day without logs, and the run
skips the model if the day has too little new data.
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
    """Run config of the nightly job: no model without enough new data."""
    file = {"path": str(agent.folder / AGENT_FILE), "skip_quiet_night": True}
    return {"resources": {resource_key(agent.name): {"config": file}}}


def _current_settings(agent: AgentSettings) -> AgentSettings:
    """The agent file as it is now; if it is broken, as it was loaded: the run reports the error."""
    try:
        return load_agent(agent.folder / AGENT_FILE)
    except SettingsError:
        return agent


def nightly_schedule(agent: AgentSettings) -> dg.ScheduleDefinition:
    """The schedule, at the agent's hour and time zone; stopped unless `schedule.running` is set."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day, warehouse = newest_complete_day(context.scheduled_execution_time, agent), Warehouse(warehouse_root())
        if day < agent.first_day:
            return dg.SkipReason(f"{agent.name}: {day} is before first_day {agent.first_day}")
        decision = decide_retrain(agent, warehouse, day=day)
        if (
            not decision.retrain
            and not log_files(agent.path(agent.logs.folder), day=day)
            and not base_model_changed(_current_settings(agent), warehouse)
        ):
            return dg.SkipReason(f"{agent.name}: {day} has no logs, and {decision.reason}")
        return dg.RunRequest(run_key=day, partition_key=day, run_config=night_config(agent))

    return dg.ScheduleDefinition(
        name=f"{agent.name}_nightly",
        job_name=nightly_job_name(agent.name),
        cron_schedule=f"0 {agent.schedule.hour} * * *",
        execution_timezone=agent.schedule.time_zone,
        execution_fn=evaluate,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING if agent.schedule.running else dg.DefaultScheduleStatus.STOPPED
        ),
        description="Data of the newest complete day, then the model as of that day.",
    )
