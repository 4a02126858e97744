"""One sensor a code location: a run that failed for good is told to the people whom its agent's file names.

Invariant: the sensor itself never fails over an alert; a way that failed is logged, and the tick says by which ways
people were told. A run that Dagster will start again is not told yet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, SettingsError, load_agent
from toolft_pipeline.automation.alert import Alert, first_line
from toolft_pipeline.automation.alert_channels import send_alert
from toolft_pipeline.automation.run_failures import failed_steps
from toolft_pipeline.automation.under_way import day_of
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.rejects import hmac_key
from toolft_pipeline.verification.redaction.run import Redactor

WILL_RETRY_TAG = "dagster/will_retry"


def alert_sensor(agents: Sequence[AgentSettings]) -> dg.SensorDefinition:
    """Tells of failed runs, whoever launched them through Dagster's own launcher."""
    running = any(agent.schedule.running for agent in agents)

    @dg.run_failure_sensor(
        name="alerts",
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Tells people by webhook, Slack or e-mail which stage failed, and what to do.",
    )
    def alerts(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(WILL_RETRY_TAG) == "true":
            return dg.SkipReason(f"run {run.run_id} will be tried again")
        agent = agent_of(run, agents)
        if agent is None:
            return dg.SkipReason(f"run {run.run_id} makes no agent's assets")
        current = _as_written_now(agent)
        alert = make_alert(run, context.instance, current, message=context.failure_event.message)
        told = send_alert(alert, settings=current.alerts, environment=os.environ)
        for way, problem in told.items():
            if problem is not None:
                context.log.error(f"alert of run {run.run_id} did not go out by {way}: {problem}")
        ways = [way if problem is None else f"{way} failed: {problem}" for way, problem in told.items()]
        return dg.SkipReason(f"{alert.title}; told by: {'; '.join(ways) or 'nobody, alerts names no way'}")

    return alerts


def agent_of(run: dg.DagsterRun, agents: Sequence[AgentSettings]) -> AgentSettings | None:
    """The agent whose assets a run makes."""
    names = {key.path[0] for key in run.asset_selection or ()}
    found = [agent for agent in agents if agent.name in names or run.job_name.startswith(f"{agent.name}_")]
    return max(found, key=lambda agent: len(agent.name), default=None)


def make_alert(run: dg.DagsterRun, instance: dg.DagsterInstance, agent: AgentSettings, *, message: str | None) -> Alert:
    """What to tell of a failed run; `message` is Dagster's own word, for a run that failed before any step."""
    steps = failed_steps(instance, run.run_id)
    redactor = Redactor(agent.verification.redaction, key=hmac_key())
    error = redactor.text(first_line(steps[0].error if steps else message or ""))
    return Alert(
        agent=agent.name,
        stages=tuple(step.key.removeprefix(f"{agent.name}__") for step in steps),
        day=day_of(run),
        error=error,
        run_id=run.run_id,
        ui=agent.alerts.ui,
    )


def _as_written_now(agent: AgentSettings) -> AgentSettings:
    """The agent file as it stands, or as it was loaded where it is broken: it may be what the run failed over."""
    try:
        return load_agent(agent.folder / AGENT_FILE)
    except SettingsError:
        return agent
