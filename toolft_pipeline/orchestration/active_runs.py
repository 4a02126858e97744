"""The active run of an agent: sensors start nothing that would change its inputs meanwhile.

Invariant: a run counts by the assets that it materializes, whoever launched it: a job, a backfill or a person. Runs of
sources alone do not count; a run of data or of a model reads the window until it ends.
"""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.orchestration.jobs import job_name, nightly_job_name
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start")
"""A job's run has the first tag; a backfill's run of one day the second, and another with the range's end."""

_SOURCES = frozenset(stage.asset for stage in STAGES if stage.group is Group.SOURCES)

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def active_run(instance: dg.DagsterInstance, agent: str) -> str | None:
    """Name an unfinished backfill or run of an agent's data or model; None if there is none."""
    # get_backfills takes no public filter; imported here because it takes 0.13 s
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        if any(key.path[0] == agent for key in backfill.asset_selection or ()):
            return f"backfill {backfill.backfill_id}"
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if _makes_data_or_model(run, agent):
            return f"run {run.run_id} of {day_of(run) or run.job_name}"
    return None


def day_of(run: dg.DagsterRun) -> str | None:
    """The day of a run, whoever launched it; None for a run without partitions."""
    return next((run.tags[tag] for tag in PARTITION_TAGS if tag in run.tags), None)


def _makes_data_or_model(run: dg.DagsterRun, agent: str) -> bool:
    if run.asset_selection is not None:
        return any(key.path[0] == agent and key.path[-1] not in _SOURCES for key in run.asset_selection)
    return run.job_name in {job_name(agent, Group.DATA), job_name(agent, Group.MODEL), nightly_job_name(agent)}
