"""Which of an agent's runs are waiting or running now.

Invariant: a run counts by the assets that it makes, whoever launched it: a job, a backfill or a person.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from toolft_pipeline.assets.stage import Group
from toolft_pipeline.assets.stages import STAGES
from toolft_pipeline.automation.jobs import job_name, nightly_job_name

_PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start")
"""A job's run carries the first; a backfill's run of one day the second, with the range's end beside it."""

_DATA = frozenset(stage.asset for stage in STAGES if stage.group is Group.DATA)

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def day_of(run: dg.DagsterRun) -> str | None:
    """The day that a run makes, whoever launched it; None for a run without days."""
    return next((run.tags[tag] for tag in _PARTITION_TAGS if tag in run.tags), None)


def days_under_way(instance: dg.DagsterInstance, agent: str) -> set[str]:
    """Days whose data a run makes, or is about to make."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return {day for run in runs if (day := day_of(run)) is not None and _makes_data(run, agent)}


def backfills_under_way(instance: dg.DagsterInstance, agent: str) -> list[str]:
    """Ids of backfills that still make assets of an agent."""
    wanted = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING])
    return [
        backfill.backfill_id
        for backfill in instance.get_backfills(filters=wanted)
        if any(key.path[0] == agent for key in backfill.asset_selection or ())
    ]


def _makes_data(run: dg.DagsterRun, agent: str) -> bool:
    if run.asset_selection is not None:
        return any(key.path[0] == agent and key.path[-1] in _DATA for key in run.asset_selection)
    return run.job_name in {job_name(agent, Group.DATA), nightly_job_name(agent)}
