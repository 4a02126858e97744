"""The catalog sensor: it requests tool_catalog when its source changes; the automation condition does the rest.

Invariant: one request per state of the source, and another only after its run failed, with a growing delay; a state
that returns is a new request. A change waits for active runs of the agent, so that no backfill overtakes another and no
training loses rows while it runs.
"""

from __future__ import annotations

from datetime import datetime

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.sources import read_source
from toolft_pipeline.orchestration.active_runs import active_run
from toolft_pipeline.orchestration.conditions import sensor_status
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.orchestration.runs.run_tags import REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import ended_runs, failed_attempts
from toolft_pipeline.sandbox.listed_catalog import listed_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.mcp_catalog_state import note_listing
from toolft_pipeline.stages.planning.plan import describe_change
from toolft_pipeline.stages.spec.run_stage import recipe_for
from toolft_pipeline.stages.spec.stage import Group, artifact_key
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Version, Warehouse

FILE_EVERY_S, SERVER_EVERY_S = 60, 300
"""Seconds between two ticks: a file is hashed quickly, an MCP server has to be started."""


def catalog_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """The sensor of one agent's catalog source: a file, a module, or an MCP server's `tools/list`."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = load_agent(agent.folder / AGENT_FILE)
        return evaluate_catalog(
            settings, Warehouse(warehouse_root()), context.instance, now=datetime.now().astimezone()
        )

    return dg.SensorDefinition(
        name=f"{agent.name}_catalog",
        job_name=job_name(agent.name, Group.SOURCES),
        evaluation_fn=evaluate,
        minimum_interval_seconds=SERVER_EVERY_S if agent.catalog.mcp else FILE_EVERY_S,
        default_status=sensor_status(agent),
        description="Requests tool_catalog when its source changes.",
    )


def evaluate_catalog(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """Request tool_catalog, or say why not. Raises `SandboxError` if the MCP server does not answer."""
    stage = tool_catalog.STAGE
    address = artifact_key(stage, settings, None)
    current = warehouse.current(address)
    if settings.catalog.mcp:
        _ask_server(settings, warehouse, current)
    recipe = recipe_for(stage, settings, None, {}, warehouse)
    if current is not None and current.manifest.fingerprint == recipe.fingerprint:
        return dg.SkipReason(f"{settings.name}: the catalog has not changed since version {current.folder.name}")
    if (busy := active_run(instance, settings.name)) is not None:
        return dg.SkipReason(f"{settings.name}: the catalog changed; waiting for {busy}")
    pointer = latest_pointer(address.folder(warehouse.root))
    agent_file = digest_of((settings.folder / AGENT_FILE).read_text(encoding="utf-8"))[-12:]
    state = f"{recipe.fingerprint[:24]}:{agent_file}"
    runs = ended_runs(instance, dg.RunsFilter(job_name=job_name(settings.name, Group.SOURCES)))
    attempts = failed_attempts([each for each in runs if _makes_catalog(each.dagster_run)], state)
    if attempts.due > now.timestamp():
        due = datetime.fromtimestamp(attempts.due).astimezone()
        return dg.SkipReason(f"{settings.name}: the last run of tool_catalog failed; next attempt at {due:%H:%M}")
    return dg.RunRequest(
        run_key=attempts.key(f"{0 if pointer is None else pointer.number}:{state}"),
        asset_selection=[dg.AssetKey([settings.name, stage.asset])],
        tags={"toolft/why": describe_change(recipe, current), REQUEST_TAG: state},
    )


def _makes_catalog(run: dg.DagsterRun) -> bool:
    return run.asset_selection is None or any(key.path[-1] == tool_catalog.STAGE.asset for key in run.asset_selection)


def _ask_server(settings: AgentSettings, warehouse: Warehouse, current: Version | None) -> None:
    """Record the server's tool list if it differs from the version in force."""
    if settings.sandbox is None:
        return  # the error of the stage says what is missing
    listed = read_source(settings, listed=listed_catalog(settings.sandbox, cwd=settings.folder))
    if current is None or load_catalog(current.folder).text != listed.text:
        note_listing(warehouse, artifact_key(tool_catalog.STAGE, settings, None), listed)
