"""The base model sensor: it requests base_model when the agent file names another one or its files change.

Invariant: one request per state of the source, retried with growing delays, as for the catalog: a new agent gets its
base model without a command, and a changed one reaches the nightly run. A change waits for active runs of the agent.
Files that did not change since the last tick are not hashed again: they have gigabytes.
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
    """Digest of the source (settings, file names, sizes, times), and the fingerprint of the version made from it."""

    source: str
    fingerprint: str


def base_model_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """The sensor of one agent's base model."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings, warehouse = load_agent(agent.folder / AGENT_FILE), Warehouse(warehouse_root())
        before = None if context.cursor is None else SourceState(**json.loads(context.cursor))
        seen = read_source_state(settings, warehouse, before=before)
        now = datetime.now().astimezone()
        request = evaluate_base_model(settings, warehouse, context.instance, fingerprint=seen.fingerprint, now=now)
        cursor = json.dumps(asdict(seen))
        if isinstance(request, dg.SkipReason):
            return dg.SensorResult(skip_reason=request, cursor=cursor)
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return dg.SensorDefinition(
        name=f"{agent.name}_base_model",
        job_name=job_name(agent.name, Group.SOURCES),
        evaluation_fn=evaluate,
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="Requests base_model when it has no version or the agent file names another one.",
    )


def read_source_state(
    settings: AgentSettings, warehouse: Warehouse, *, before: SourceState | None = None
) -> SourceState:
    """The source's current state; hashes files only if the state differs from `before`."""
    source = digest_of([base_model.STAGE.code_version, settings.base_model.model_dump(mode="json"), _files(settings)])
    if before is not None and before.source == source and settings.base_model.folder is not None:
        return before
    recipe = recipe_for(base_model.STAGE, settings, None, {}, warehouse)
    return SourceState(source=source, fingerprint=recipe.fingerprint)


def evaluate_base_model(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, fingerprint: str, now: datetime
) -> dg.RunRequest | dg.SkipReason:
    """Request base_model, or say why not."""
    address = artifact_key(base_model.STAGE, settings, None)
    current = warehouse.current(address)
    if current is not None and current.manifest.fingerprint == fingerprint:
        return dg.SkipReason(f"{settings.name}: the base model has not changed since version {current.folder.name}")
    if (busy := active_run(instance, settings.name)) is not None:
        return dg.SkipReason(f"{settings.name}: the base model changed; waiting for {busy}")
    state = fingerprint[:24]
    runs = ended_runs(instance, dg.RunsFilter(job_name=job_name(settings.name, Group.SOURCES)))
    attempts = failed_attempts([each for each in runs if _makes_base_model(each.dagster_run)], state)
    if attempts.due > now.timestamp():
        due = datetime.fromtimestamp(attempts.due).astimezone()
        return dg.SkipReason(f"{settings.name}: the last run of base_model failed; next attempt at {due:%H:%M}")
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
    """Name, size and modification time of each file of a base model folder."""
    if settings.base_model.folder is None:
        return []
    folder = settings.path(settings.base_model.folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    status = {path.relative_to(folder).as_posix(): path.stat() for path in sorted(files)}
    return [[name, each.st_size, each.st_mtime_ns] for name, each in status.items()]
