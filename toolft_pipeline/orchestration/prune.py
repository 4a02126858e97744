"""Retention of one agent: choose what to delete, and delete it.

Invariant: versions in force, the model in service and everything that these were made from are kept, and also what was
in force since the oldest unfinished run began, because that run may read it. Stopped half-way, it has deleted nothing
that it chose to keep.
"""

# no `from __future__ import annotations`: Dagster reads the annotations of an op's arguments

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
from pydantic import Field

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.evaluation.promotion.model_registry import in_service, resolve, service_folder, serving_history
from toolft_pipeline.orchestration.build import AgentFile, resource_key
from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Progress
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.gc import (
    empty_trash,
    leftovers,
    reclaim_content,
    remove_folder,
    remove_version,
)
from toolft_pipeline.warehouse.pointers import Pointer, pointer_history
from toolft_pipeline.warehouse.retention import RemovalItem, RemovalPlan, RetentionRule, plan_removal
from toolft_pipeline.warehouse.shared import SHARED, remove_unused, unused_shared
from toolft_pipeline.warehouse.store import Version, Warehouse

RECLAIMABLE = frozenset(stage.asset for stage in STAGES if stage.reclaimable)
"""Assets whose content can go while the manifest stays: merged models."""

PARTITION_TAG, RANGE_TAG = "dagster/partition", "dagster/asset_partition_range_start"
_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_NOT_ENDED = [status for status in dg.DagsterRunStatus if status not in _ENDED]


@dataclass(frozen=True, kw_only=True)
class UnfinishedRuns:
    """The unfinished runs: how many, when the oldest was created, and their days.

    `days` is None if one of them has a range of days.
    """

    runs: int
    since: datetime | None
    days: frozenset[str] | None


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What to delete: versions, contents of versions, and leftover folders. `size` is the total in bytes."""

    removal: RemovalPlan
    leftovers: tuple[Path, ...]
    size: int


def unfinished_runs(instance: dg.DagsterInstance, *, but: str | None = None) -> UnfinishedRuns:
    """The unfinished runs of an instance, except the run with id `but`."""
    records = instance.get_run_records(dg.RunsFilter(statuses=_NOT_ENDED))
    others = [record for record in records if record.dagster_run.run_id != but]
    tags = [record.dagster_run.tags for record in others]
    return UnfinishedRuns(
        runs=len(others),
        since=min((record.create_timestamp.astimezone(UTC) for record in others), default=None),
        days=None
        if any(RANGE_TAG in each for each in tags)
        else frozenset(each[PARTITION_TAG] for each in tags if PARTITION_TAG in each),
    )


def plan_pruning(
    settings: AgentSettings, warehouse: Warehouse, *, unfinished: UnfinishedRuns, now: datetime | None = None
) -> PrunePlan:
    """Choose what to delete by `retention`. Raises `WarehouseError` if a version cannot be read."""
    agent, retention = settings.name, settings.retention
    since = (now or datetime.now(UTC)) - timedelta(days=retention.keep_days)
    since = since if unfinished.since is None else min(since, unfinished.since)
    moves = pointer_history(service_folder(warehouse, agent))
    served = _models(warehouse, agent, moves)
    whole = {
        version.folder
        for version in _models(warehouse, agent, serving_history(moves).models)[-retention.served_models :]
    }
    newest = {day for asset in RECLAIMABLE for day in warehouse.partitions(agent, asset)[-retention.merged_models :]}
    days = None if unfinished.days is None else unfinished.days.union(newest)

    def keeps_content(version: Version) -> bool:
        address = version.manifest.address
        return address.asset not in RECLAIMABLE or version.folder in whole or days is None or address.partition in days

    removal = plan_removal(
        warehouse,
        agent,
        keep=RetentionRule(since=since, versions=retention.keep_versions, needed=tuple(served), content=keeps_content),
    )
    left = () if unfinished.runs else (*leftovers(warehouse, agent, before=since), *unused_shared(warehouse.root))
    return PrunePlan(removal=removal, leftovers=left, size=removal.size + sum(_size(folder) for folder in left))


def prune(settings: AgentSettings, warehouse: Warehouse, pruning: PrunePlan, *, progress: Progress) -> None:
    """Delete what was chosen, and what an interrupted removal left."""
    agent = settings.name
    for leaving in pruning.removal.contents:
        version = leaving.version
        if not reclaim_content(warehouse, version, needed=partial(_serves, warehouse, agent, version.folder)):
            progress(f"{version.folder} is kept: it came into service in the meantime")
    for leaving in pruning.removal.versions:
        if not remove_version(warehouse, leaving.version):
            progress(f"{leaving.version.folder} is kept: it came into force in the meantime")
    for folder in pruning.leftovers:
        if folder.parent.name == SHARED:
            remove_unused(folder)
        else:
            remove_folder(warehouse, agent, folder)
    empty_trash(warehouse, agent)


def pruning_lines(pruning: PrunePlan, warehouse: Warehouse) -> Iterator[str]:
    """One line per version, content and leftover to delete, and the total."""
    for leaving in pruning.removal.versions:
        yield f"version  {_line(leaving)}"
    for leaving in pruning.removal.contents:
        yield f"content  {_line(leaving)}"
    for folder in pruning.leftovers:
        yield f"leftover {folder.relative_to(warehouse.root)}"
    counts = f"{len(pruning.removal.versions)} versions, {len(pruning.removal.contents)} contents"
    yield f"{counts}, {len(pruning.leftovers)} leftovers: {pruning.size:,} bytes"


def prune_job(agent: AgentSettings) -> dg.JobDefinition:
    """The job that prunes one agent."""
    agent_key = resource_key(agent.name)

    class PruneConfig(dg.Config):
        dry_run: bool = Field(default=False, description="Only log what would be deleted.")

    @dg.op(name=f"{agent.name}_prune_warehouse", required_resource_keys={agent_key}, out=dg.Out(dg.Nothing))
    def prune_warehouse(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        """Delete what retention allows, and log each line."""
        file: AgentFile = getattr(context.resources, agent_key)
        settings, warehouse = file.load(), Warehouse(warehouse_root())
        unfinished = unfinished_runs(context.instance, but=context.run_id)
        pruning = plan_pruning(settings, warehouse, unfinished=unfinished)
        for line in pruning_lines(pruning, warehouse):
            context.log.info(line)
        if not config.dry_run:
            prune(settings, warehouse, pruning, progress=context.log.info)

    @dg.job(
        name=f"{agent.name}_prune",
        description=f"Deletes what `retention` of agent {agent.name} does not keep; with dry_run it only logs it.",
        tags={AGENT_TAG: agent.name},
    )
    def job() -> None:
        prune_warehouse()

    return job


def prune_schedule(agent: AgentSettings) -> dg.ScheduleDefinition:
    """Daily at `retention.hour`; stopped until a person starts it."""
    return dg.ScheduleDefinition(
        name=f"{agent.name}_prune",
        job_name=f"{agent.name}_prune",
        cron_schedule=f"0 {agent.retention.hour} * * *",
        execution_timezone=agent.schedule.time_zone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Deletes what `retention` in the agent file does not keep.",
    )


def _serves(warehouse: Warehouse, agent: str, folder: Path) -> bool:
    serving = in_service(warehouse, agent)
    return serving is not None and serving.folder == folder


def _models(warehouse: Warehouse, agent: str, moves: Sequence[Pointer]) -> list[Version]:
    """The existing models that the moves put in service, each once, ordered by its last move."""
    last = {move.version: move for move in moves}
    order = sorted(last.values(), key=lambda move: move.number)
    folders = [resolve(warehouse, agent, move).folder for move in order]
    return [warehouse.open(folder) for folder in folders if folder.exists() or folder == folders[-1]]


def _line(leaving: RemovalItem) -> str:
    manifest = leaving.version.manifest
    return f"{manifest.address}  {leaving.version.folder.name}  {leaving.size:,} bytes, {leaving.why}"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
