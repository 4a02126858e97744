"""The watch over an agent's base model: where the agent file names another one, or its files changed, it is made again.

Invariant: one request for one state of the source, asked for again with growing delays while it fails, as for the
catalog; so a new agent gets its base model by itself and a changed one reaches the night. A change waits until nothing
of the agent is being made. Files that did not move since the last look are not hashed again: they are gigabytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.orchestration.active_runs import active_run
from toolft_pipeline.orchestration.conditions import sensor_status
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.orchestration.runs.run_tags import REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import ended_runs, failed_attempts
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import base_model
from toolft_pipeline.stages.planning.plan import describe_change
from toolft_pipeline.stages.spec.run_stage import recipe_for
from toolft_pipeline.stages.spec.stage import Group, artifact_key
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Warehouse

EVERY_S = 60


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """The last look: settings, names, sizes and times of the source, and the fingerprint of the version it makes."""

    source: str
    fingerprint: str


def base_model_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """Looks at the source of one agent's base model."""

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings, warehouse = load_agent(agent.folder / AGENT_FILE), Warehouse(warehouse_root())
        before = None if context.cursor is None else SourceState(**json.loads(context.cursor))
        seen = read_source_state(settings, warehouse, before=before)
        now = datetime.now().astimezone()
        found = evaluate_base_model(settings, warehouse, context.instance, fingerprint=seen.fingerprint, now=now)
        cursor = json.dumps(asdict(seen))
        if isinstance(found, dg.SkipReason):
            return dg.SensorResult(skip_reason=found, cursor=cursor)
        return dg.SensorResult(run_requests=[found], cursor=cursor)

    return dg.SensorDefinition(
        name=f"{agent.name}_base_model",
        job_name=job_name(agent.name, Group.SOURCES),
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="Materializes base_model where it was never made or the agent file names another one.",
    )


def read_source_state(
    settings: AgentSettings, warehouse: Warehouse, *, before: SourceState | None = None
) -> SourceState:
    """The fingerprint of the base model as it would be made now."""
    source = digest_of([base_model.STAGE.code_version, settings.base_model.model_dump(mode="json"), _files(settings)])
    if before is not None and before.source == source and settings.base_model.folder is not None:
        return before
    recipe = recipe_for(base_model.STAGE, settings, None, {}, warehouse)
    return SourceState(source=source, fingerprint=recipe.fingerprint)


def evaluate_base_model(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, fingerprint: str, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """A request for base_model, or why there is none."""
    address = artifact_key(base_model.STAGE, settings, None)
    current = warehouse.current(address)
    if current is not None and current.manifest.fingerprint == fingerprint:
        return dg.SkipReason(f"{settings.name}: the base model is as in {current.folder.name}")
    if (busy := active_run(instance, settings.name)) is not None:
        return dg.SkipReason(f"{settings.name}: the base model changed; its new version waits for {busy}")
    state = fingerprint[:24]
    runs = ended_runs(instance, dg.RunsFilter(job_name=job_name(settings.name, Group.SOURCES)))
    attempts = failed_attempts([each for each in runs if _makes_base_model(each.dagster_run)], state)
    if attempts.due > now.timestamp():
        due = datetime.fromtimestamp(attempts.due).astimezone()
        return dg.SkipReason(f"{settings.name}: base_model's last run failed; it is tried again from {due:%H:%M} on")
    pointer = latest_pointer(address.folder(warehouse.root))
    why = describe_change(recipe_for(base_model.STAGE, settings, None, {}, warehouse), current)
    return dg.RunRequest(
        run_key=attempts.key(f"{0 if pointer is None else pointer.number}:{state}"),
        asset_selection=[dg.AssetKey([settings.name, base_model.STAGE.asset])],
        tags={"toolft/why": why, REQUEST_TAG: state},
    )


def _makes_base_model(run: dg.DagsterRun) -> bool:
    keys = run.asset_selection
    return keys is None or any(key.path[-1] == base_model.STAGE.asset for key in keys)


def _files(settings: AgentSettings) -> list[list[str | int]]:
    """Name, size and time of change of each file of a base model that is a folder."""
    if settings.base_model.folder is None:
        return []
    folder = settings.path(settings.base_model.folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    status = {path.relative_to(folder).as_posix(): path.stat() for path in sorted(files)}
    return [[name, each.st_size, each.st_mtime_ns] for name, each in status.items()]
