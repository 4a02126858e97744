"""Gather the status of every agent from the agent files, the warehouse and the instance.

Invariant: gathering changes nothing and starts no run and no sandbox. An agent with a broken file is in the overview
like any other. A failure is something that a person must act on: a failed run is listed until its stages have
succeeded for that day.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import dagster as dg

from toolft_pipeline.agent_file import SettingsError, agent_files, agents_root, load_agent, warehouse_root
from toolft_pipeline.evaluation.promotion.model_registry import in_service, service_folder
from toolft_pipeline.ingest.day import log_days
from toolft_pipeline.orchestration.active_runs import active_run
from toolft_pipeline.orchestration.overview.overview_events import (
    failed_checks,
    failed_runs,
    failed_ticks,
    stale_assets,
)
from toolft_pipeline.serving.routing.canary_status import CanaryStatus, canary_status
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import champion, eval_report
from toolft_pipeline.stages.presentation.overview_page import (
    AgentOverview,
    LastVerdict,
    ServedModel,
    render_overview,
)
from toolft_pipeline.stages.presentation.report_links import page_url
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Warehouse, WarehouseError

PAGE = "overview.html"
_SHOWN_DAYS = 5


def gather_overview(instance: dg.DagsterInstance) -> list[AgentOverview]:
    """The current status of each agent, sorted by name."""
    warehouse = Warehouse(warehouse_root())
    return [_overview_of(path, warehouse, instance) for path in agent_files(agents_root())]


def _overview_of(path: Path, warehouse: Warehouse, instance: dg.DagsterInstance) -> AgentOverview:
    agent = path.parent.name
    try:
        settings = load_agent(path)
    except SettingsError as error:
        return AgentOverview(agent=agent, served=_served(warehouse, agent), failures=(str(error),))
    try:
        verdict = _verdict(warehouse, agent)
    except WarehouseError as error:
        return AgentOverview(agent=agent, served=_served(warehouse, agent), failures=(str(error),))
    canary = _canary(warehouse, settings)
    warns = () if canary is None or not canary.needs_look else ("the canary gives the candidate no conversation",)
    return AgentOverview(
        agent=agent,
        served=_served(warehouse, agent),
        verdict=verdict,
        canary=None if canary is None else canary.text,
        canary_counts=None if canary is None else canary.counts,
        waiting=tuple(_waiting(settings, warehouse, instance, verdict)),
        warnings=(*warns, *failed_checks(instance, agent, blocking=False)),
        failures=(
            *failed_runs(instance, agent),
            *failed_checks(instance, agent, blocking=True),
            *failed_ticks(instance, agent),
            *stale_assets(instance, agent),
        ),
    )


def _canary(warehouse: Warehouse, settings: AgentSettings) -> CanaryStatus | None:
    try:
        return canary_status(warehouse, settings, in_service(warehouse, settings.name))
    except (WarehouseError, OSError) as error:
        return CanaryStatus(text=f"its state cannot be read ({error})", needs_look=True)


def _served(warehouse: Warehouse, agent: str) -> ServedModel | None:
    serving, pointer = in_service(warehouse, agent), latest_pointer(service_folder(warehouse, agent))
    if serving is None or pointer is None:
        return None
    return ServedModel(day=serving.day, digest=serving.content_digest, since=pointer.created_at)


def _verdict(warehouse: Warehouse, agent: str) -> LastVerdict | None:
    """The gate's verdict on the newest candidate; None if no day has both a report and a champion."""
    for day in reversed(warehouse.partitions(agent, champion.STAGE.asset)):
        decided = warehouse.current(ArtifactKey(agent=agent, asset=champion.STAGE.asset, partition=day))
        report = warehouse.current(ArtifactKey(agent=agent, asset=eval_report.STAGE.asset, partition=day))
        if decided is not None and report is not None:
            headline, success = decided.manifest.headline, report.manifest.headline.get("task_success")
            return LastVerdict(
                day=day,
                promoted=bool(headline["promoted"]),
                reasons=tuple(cast("list[str]", headline.get("reasons", [headline.get("why", "")]))),
                task_success=success if isinstance(success, float) else None,
                url=page_url(report),
            )
    return None


def _waiting(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, verdict: LastVerdict | None
) -> list[str]:
    """The active run, and work that no run has begun."""
    items = []
    if (active := active_run(instance, settings.name)) is not None:
        items.append(f"{active} is active")
    verified = warehouse.partitions(settings.name, "verified_trajectories")
    logged = log_days(settings.path(settings.logs.folder), first_day=settings.first_day)
    if unverified := [day for day in logged if day not in set(verified)]:
        items.append(f"{len(unverified)} days of logs are not verified yet: {_days(unverified)}")
    newer = [day for day in verified if verdict is not None and day > verdict.day]
    if newer:
        items.append(f"{len(newer)} verified days are newer than the last model: {_days(newer)}")
    return items


def _days(days: list[str]) -> str:
    more = f" and {len(days) - _SHOWN_DAYS} more" if len(days) > _SHOWN_DAYS else ""
    return ", ".join(days[:_SHOWN_DAYS]) + more


def write_page(agents: list[AgentOverview]) -> Path:
    """Write the page to the warehouse's root by one rename; returns its path."""
    path = warehouse_root() / PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(".tmp")
    staged.write_text(render_overview(agents), encoding="utf-8")
    staged.replace(path)
    return path
