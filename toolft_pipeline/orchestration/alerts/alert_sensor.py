"""One sensor a code location: what went wrong is told to the people whom each agent's file names.

Invariant: the sensor itself never fails over an alert; a way that failed is logged, and the tick says by which ways
people were told. Everything new since the last look is told in one tick, one message a cause.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, SettingsError, load_agent, warehouse_root
from toolft_pipeline.orchestration.alerts.alert_channels import send_alert
from toolft_pipeline.orchestration.alerts.causes import AlertCause, alert_causes
from toolft_pipeline.orchestration.alerts.sent_alerts import SentAlerts, read_sent_alerts
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse

EVERY_S = 30
BUDGET_S = 30.0
"""Seconds that one tick may send for (Dagster ends a tick after 60); the rest is told by the next one."""


def alert_sensor(agents: Sequence[AgentSettings]) -> dg.SensorDefinition:
    """Tells of failed runs, whoever launched them, of failed ticks and of assets past their deadline."""
    running = any(agent.schedule.running for agent in agents)

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = time.time()
        memory = read_sent_alerts(context.cursor, now=now)
        current = {agent.name: _as_written_now(agent) for agent in agents}
        causes = alert_causes(memory, context.instance, current, Warehouse(warehouse_root()))
        said = _tell(causes, memory, current, now=now, log=context.log.error)
        memory.since = now
        memory.forget(now=now, late=[cause.key for cause in causes])
        return dg.SensorResult(skip_reason="\n".join(said) or "nothing new went wrong", cursor=memory.cursor)

    return dg.SensorDefinition(
        name="alerts",
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Tells people by webhook, Slack or e-mail what failed or is late, and what to do.",
    )


def _tell(
    causes: list[AlertCause],
    memory: SentAlerts,
    agents: dict[str, AgentSettings],
    *,
    now: float,
    log: Callable[[str], None],
) -> list[str]:
    """Send what is new, and remember it; a line for each alert."""
    said = []
    began = time.monotonic()
    for cause in causes:
        days = memory.new_days(cause.key, cause.days)
        if days is not None:
            if time.monotonic() - began > BUDGET_S:
                said.append("more to tell: the next look goes on")
                break
            alert = cause.alert(days)
            told = send_alert(alert, settings=agents[cause.agent].alerts, environment=os.environ)
            for way, problem in told.items():
                if problem is not None:
                    log(f"alert `{alert.title}` did not go out by {way}: {problem}")
            ways = [way if problem is None else f"{way} failed: {problem}" for way, problem in told.items()]
            said.append(f"{alert.title}; told by: {'; '.join(ways) or 'nobody, alerts names no way'}")
            if told and None not in told.values():
                continue
            memory.remember(cause.key, days, now=now)
        memory.runs |= dict.fromkeys(cause.run_ids, now)
    return said


def _as_written_now(agent: AgentSettings) -> AgentSettings:
    """The agent file as it stands, or as it was loaded where it is broken: it may be what the run failed over."""
    try:
        return load_agent(agent.folder / AGENT_FILE)
    except SettingsError:
        return agent
