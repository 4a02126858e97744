"""The alert sensor: it reports failures to the recipients in each agent's file.

Invariant: an alert that cannot be sent does not fail the sensor: a channel that failed is logged, and the tick says
which channels were used. One tick reports everything new since the last one, one message per cause.
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
"""Seconds that one tick spends on sending (Dagster ends a tick after 60); the next tick sends the rest."""


def alert_sensor(agents: Sequence[AgentSettings]) -> dg.SensorDefinition:
    """Report failed runs, whoever launched them, failed ticks, and assets past their deadline."""
    running = any(agent.schedule.running for agent in agents)

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = time.time()
        sent_alerts = read_sent_alerts(context.cursor, now=now)
        current = {agent.name: _current_settings(agent) for agent in agents}
        causes = alert_causes(sent_alerts, context.instance, current, Warehouse(warehouse_root()))
        lines = _report(causes, sent_alerts, current, now=now, log=context.log.error)
        sent_alerts.since = now
        sent_alerts.forget(now=now, late=[cause.key for cause in causes])
        return dg.SensorResult(skip_reason="\n".join(lines) or "no new failures", cursor=sent_alerts.cursor)

    return dg.SensorDefinition(
        name="alerts",
        evaluation_fn=evaluate,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Reports by webhook, Slack or e-mail what failed or is late, and what to do.",
    )


def _report(
    causes: list[AlertCause],
    sent_alerts: SentAlerts,
    agents: dict[str, AgentSettings],
    *,
    now: float,
    log: Callable[[str], None],
) -> list[str]:
    """Send an alert for each new cause and record it; returns one line per alert."""
    lines = []
    began = time.monotonic()
    for cause in causes:
        days = sent_alerts.new_days(cause.key, cause.days)
        if days is not None:
            if time.monotonic() - began > BUDGET_S:
                lines.append("more alerts: the next tick sends them")
                break
            alert = cause.alert(days)
            results = send_alert(alert, settings=agents[cause.agent].alerts, environment=os.environ)
            for channel, problem in results.items():
                if problem is not None:
                    log(f"alert `{alert.title}` could not be sent by {channel}: {problem}")
            channels = [
                channel if problem is None else f"{channel} failed: {problem}" for channel, problem in results.items()
            ]
            lines.append(f"{alert.title}; sent by: {'; '.join(channels) or 'no channel, alerts has none'}")
            if results and None not in results.values():
                continue
            sent_alerts.remember(cause.key, days, now=now)
        sent_alerts.runs |= dict.fromkeys(cause.run_ids, now)
    return lines


def _current_settings(agent: AgentSettings) -> AgentSettings:
    """The agent file as it is now; if it is broken, perhaps the cause of the failure, as it was loaded."""
    try:
        return load_agent(agent.folder / AGENT_FILE)
    except SettingsError:
        return agent
