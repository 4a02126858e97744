"""The causes of alerts: failed runs, failed ticks, assets past their deadline.

Invariant: runs that failed in the same stages with the same error are one cause with a list of days. The date of the
day within an error does not make it a different error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from toolft_pipeline.orchestration.alerts.alert import Alert, first_line
from toolft_pipeline.orchestration.alerts.alert_remedy import LATE_REMEDY, RETRIED_REMEDY, remedy, tick_remedy
from toolft_pipeline.orchestration.alerts.failed_runs import FailedRun, failed_since
from toolft_pipeline.orchestration.alerts.late_assets import FailedTick, failed_ticks, late_assets
from toolft_pipeline.orchestration.alerts.sent_alerts import OVERLAP_S, SentAlerts
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class AlertCause:
    """One cause of an alert. `alert` creates the alert for the days that are new."""

    key: str
    agent: str
    days: tuple[str, ...]
    run_ids: tuple[str, ...]
    alert: Callable[[tuple[str, ...]], Alert]


def alert_causes(
    memory: SentAlerts, instance: dg.DagsterInstance, agents: Mapping[str, AgentSettings], warehouse: Warehouse
) -> list[AlertCause]:
    """All causes since the last tick, whether they were reported before or not."""
    moment = memory.since - OVERLAP_S
    return [
        *_of_runs(failed_since(instance, moment, agents=[*agents], but=frozenset(memory.runs)), agents, warehouse),
        *_of_ticks(failed_ticks(instance, moment, agents=[*agents]), agents),
        *(_late_cause(agent, asset) for agent in agents.values() for asset in late_assets(instance, agent)),
    ]


def _of_runs(runs: list[FailedRun], agents: Mapping[str, AgentSettings], warehouse: Warehouse) -> Iterator[AlertCause]:
    groups: dict[tuple[str, ...], list[FailedRun]] = defaultdict(list)
    for run in runs:
        error = run.error.replace(run.day, "<day>") if run.day else run.error
        groups[run.agent, ", ".join(run.stages), str(run.began), str(run.retried), error].append(run)
    for key, group in groups.items():
        yield _run_cause(digest_of(list(key)), group, agents[group[0].agent], warehouse)


def _run_cause(key: str, group: list[FailedRun], agent: AgentSettings, warehouse: Warehouse) -> AlertCause:
    first = group[0]
    error = _redacted(first.error, agent)
    models = warehouse.partitions(agent.name, "qlora_adapter")
    run_ids = tuple(run.run_id for run in group)

    def alert(days: tuple[str, ...]) -> Alert:
        shown = [run.run_id for run in group if run.day in days] or run_ids
        todo = remedy(agent.name, first.stages, days, newest_model=models[-1] if models else None)
        return Alert(
            agent=agent.name,
            subject=", ".join(first.stages) if first.began else "a run",
            days=days,
            error=error,
            remedy=RETRIED_REMEDY if first.retried else todo,
            run_ids=tuple(shown),
            link=f"{_ui(agent)}/runs/{shown[-1]}",
        )

    days = tuple(sorted({run.day for run in group if run.day is not None}))
    return AlertCause(key=key, agent=agent.name, days=days, run_ids=run_ids, alert=alert)


def _of_ticks(ticks: Iterator[FailedTick], agents: Mapping[str, AgentSettings]) -> Iterator[AlertCause]:
    groups: dict[tuple[str, str], list[FailedTick]] = defaultdict(list)
    for tick in ticks:
        if agents:
            groups[tick.agent or agent_of_shared_alerts(agents), tick.error].append(tick)
    for (name, error), group in groups.items():
        yield _tick_cause(agents[name], error, [tick.name for tick in group])


def _tick_cause(agent: AgentSettings, error: str, names: list[str]) -> AlertCause:
    def alert(_days: tuple[str, ...]) -> Alert:
        return Alert(
            agent=agent.name,
            subject=f"automation ({', '.join(names)})",
            error=_redacted(error, agent),
            remedy=tick_remedy(agent.name),
            link=f"{_ui(agent)}/automation",
        )

    return AlertCause(key=digest_of(["tick", agent.name, error]), agent=agent.name, days=(), run_ids=(), alert=alert)


def _late_cause(agent: AgentSettings, asset: str) -> AlertCause:
    def alert(_days: tuple[str, ...]) -> Alert:
        return Alert(
            agent=agent.name,
            subject=asset,
            verb="is late",
            error="no new version by its deadline (its freshness policy)",
            remedy=LATE_REMEDY.format(agent=agent.name),
            link=f"{_ui(agent)}/assets/{agent.name}/{asset}",
        )

    return AlertCause(key=f"late:{agent.name}/{asset}", agent=agent.name, days=(), run_ids=(), alert=alert)


def agent_of_shared_alerts(agents: Mapping[str, AgentSettings]) -> str:
    """The agent whose recipients get alerts of shared sensors: the first that has a channel."""
    named = [
        agent.name for agent in agents.values() if agent.alerts.webhook or agent.alerts.slack or agent.alerts.email
    ]
    return next(iter(named), next(iter(agents)))


def _redacted(error: str, agent: AgentSettings) -> str:
    return Redactor(agent.verification.redaction, key=surrogate_key()).text(first_line(error))


def _ui(agent: AgentSettings) -> str:
    return agent.alerts.ui.rstrip("/")
