"""The runs that failed since a given time, with the failed stages, the error and the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from toolft_pipeline.orchestration.active_runs import day_of
from toolft_pipeline.orchestration.jobs import job_name, nightly_job_name
from toolft_pipeline.orchestration.run_failures import failed_steps, unfinished_steps
from toolft_pipeline.orchestration.runs.run_tags import ATTENDED_TAG
from toolft_pipeline.orchestration.runs.stale_runs import is_dead_run
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

WILL_RETRY_TAG = "dagster/will_retry"


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A failed run of an agent. `stages` are those that failed or were interrupted; if none had started (`began` is
    false), those that the run should have made. `retried`: Dagster starts the run again.
    """

    run_id: str
    agent: str
    stages: tuple[str, ...]
    began: bool
    day: str | None
    error: str
    retried: bool


def failed_since(
    instance: dg.DagsterInstance, moment: float, *, agents: Sequence[str], but: frozenset[str]
) -> list[FailedRun]:
    """Runs of the agents that failed after `moment` (Unix time), except those in `but`, oldest first.

    Without runs that Dagster retries, unless their process died: a reboot is reported although the run continues.
    Without runs whose error a person read at the terminal.
    """
    filters = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
    )
    failed = []
    for record in reversed(instance.get_run_records(filters)):
        run = record.dagster_run
        agent = _agent_of(run, agents)
        if agent is None or run.run_id in but or (record.end_time or moment) < moment:
            continue
        message = _message(instance, run.run_id)
        dead = is_dead_run(message)
        retried = run.tags.get(WILL_RETRY_TAG) == "true" and run.remote_job_origin is not None
        if not dead and (retried or run.tags.get(ATTENDED_TAG) == "true"):
            continue
        failed.append(_failed_run(instance, run, agent, message=message, retried=retried))
    return failed


def _failed_run(
    instance: dg.DagsterInstance, run: dg.DagsterRun, agent: str, *, message: str, retried: bool
) -> FailedRun:
    steps = failed_steps(instance, run.run_id)
    keys = [step.key for step in steps] or unfinished_steps(instance, run.run_id)
    stages = [key.removeprefix(f"{agent}__") for key in keys]
    return FailedRun(
        run_id=run.run_id,
        agent=agent,
        stages=tuple(stages or _planned(run, agent)),
        began=bool(stages),
        day=day_of(run),
        error=steps[0].error if steps else message,
        retried=retried,
    )


def _planned(run: dg.DagsterRun, agent: str) -> list[str]:
    """The stages that a run should have made."""
    if run.asset_selection is not None:
        named = {key.path[-1] for key in run.asset_selection}
        return [stage.asset for stage in STAGES if stage.asset in named]
    groups: dict[str, tuple[Group, ...]] = {job_name(agent, group): (group,) for group in Group}
    groups[nightly_job_name(agent)] = (Group.DATA, Group.MODEL)
    return [stage.asset for stage in STAGES if stage.group in groups.get(run.job_name, ())]


def _agent_of(run: dg.DagsterRun, agents: Sequence[str]) -> str | None:
    names = {key.path[0] for key in run.asset_selection or ()}
    matches = [agent for agent in agents if agent in names or run.job_name.startswith(f"{agent}_")]
    return max(matches, key=len, default=None)


def _message(instance: dg.DagsterInstance, run_id: str) -> str:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return (events[-1].get_dagster_event().message or "") if events else ""
