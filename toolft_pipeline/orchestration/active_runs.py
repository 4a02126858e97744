"""What of an agent is being made now: nothing that starts by itself may move under it.

Invariant: a run counts by the assets that it makes, whoever launched it: a job, a backfill or a person. Sources do not
count; a run of data or of a model reads the window while it goes on.
"""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.orchestration.jobs import job_name, nightly_job_name
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start")
"""A job's run carries the first; a backfill's run of one day the second, with the range's end beside it."""

_SOURCES = frozenset(stage.asset for stage in STAGES if stage.group is Group.SOURCES)

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def active_run(instance: dg.DagsterInstance, agent: str) -> str | None:
    """The first backfill or run found that makes an agent's data or model, in words; None where there is none."""
    # get_backfills takes no public filter; imported here because it costs the code location 0.3 s
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        if any(key.path[0] == agent for key in backfill.asset_selection or ()):
            return f"backfill {backfill.backfill_id}"
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if _counts(run, agent):
            return f"run {run.run_id} of {day_of(run) or run.job_name}"
    return None


def day_of(run: dg.DagsterRun) -> str | None:
    """The day that a run makes, whoever launched it; None for a run without days."""
    return next((run.tags[tag] for tag in PARTITION_TAGS if tag in run.tags), None)


def _counts(run: dg.DagsterRun, agent: str) -> bool:
    if run.asset_selection is not None:
        return any(key.path[0] == agent and key.path[-1] not in _SOURCES for key in run.asset_selection)
    return run.job_name in {job_name(agent, Group.DATA), job_name(agent, Group.MODEL), nightly_job_name(agent)}
