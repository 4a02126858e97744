"""Days of data that a run left unfinished: the logs were read, and a later stage is missing or out of date.

Invariant: only a run that failed, was canceled or was deleted leaves a day unfinished. A day that is behind a changed
catalog is not: the automation condition requests it.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from toolft_pipeline.orchestration.active_runs import PARTITION_TAGS
from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG
from toolft_pipeline.orchestration.sensors.attempts import ended_runs
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group, PartitionScope, Stage, artifact_key
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse


def is_unfinished(settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, day: str) -> bool:
    """Whether a stage of the day is missing or out of date, and the day's newest run did not succeed."""
    stages = [stage for stage in STAGES if stage.group is Group.DATA]
    if not any(_is_behind(stage, settings, warehouse, day) for stage in stages):
        return False
    runs = runs_of_day(instance, settings.name, day)
    if runs:
        return runs[0].dagster_run.status is not dg.DagsterRunStatus.SUCCESS
    raw = warehouse.current(ArtifactKey(agent=settings.name, asset="raw_trajectories", partition=day))
    made_by = None if raw is None else raw.manifest.run_id
    return made_by is not None and instance.get_run_by_id(made_by) is None


def runs_of_day(instance: dg.DagsterInstance, agent: str, day: str) -> Sequence[dg.RunRecord]:
    """The ended runs of an agent's day, newest first, whoever launched them."""
    records = {
        record.storage_id: record
        for tag in PARTITION_TAGS
        for record in ended_runs(instance, dg.RunsFilter(tags={tag: day, AGENT_TAG: agent}))
    }
    return [records[number] for number in sorted(records, reverse=True)]


def _is_behind(stage: Stage, settings: AgentSettings, warehouse: Warehouse, day: str) -> bool:
    made = warehouse.current(artifact_key(stage, settings, day))
    if made is None:
        return True
    for asset, span in stage.inputs.items():
        same = span is PartitionScope.SAME
        upstream = warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=day if same else None))
        read = made.manifest.inputs.get(f"{asset}/{day if same else 'all'}")
        if upstream is not None and read is not None and read != upstream.manifest.content_digest:
            return True
    return False
