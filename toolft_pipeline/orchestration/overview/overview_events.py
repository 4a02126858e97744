"""What is red in the instance: failed runs, red checks, failed ticks of schedules and sensors, overdue assets.

Invariant: only what still holds is listed. A failed run stays until each stage that failed has succeeded for that day,
a check or tick until its next evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from toolft_pipeline.orchestration.active_runs import day_of
from toolft_pipeline.orchestration.alerts.alert import first_line
from toolft_pipeline.orchestration.run_failures import FailedStep, failed_steps
from toolft_pipeline.stages.stages import STAGES

RUNS_LOOKED_AT = 200
"""Newest finished runs among which failures are looked for."""

SHOWN_AS_VERDICT = frozenset({"gate", "candidate_serves"})
"""Checks whose outcome is the verdict itself, which the overview shows in words."""


def failed_runs(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Each failure that was not made good since, newest first, one line a stage and day."""
    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    seen: set[tuple[str, str | None]] = set()
    for record in instance.get_run_records(dg.RunsFilter(statuses=finished), limit=RUNS_LOOKED_AT):
        run, day = record.dagster_run, day_of(record.dagster_run)
        if not _is_of(run, agent):
            continue
        if run.status is dg.DagsterRunStatus.SUCCESS:
            seen.add((run.job_name, day))
            continue
        for step in failed_steps(instance, run.run_id) or [FailedStep(key="", error="failed before any step")]:
            stage = step.key.removeprefix(f"{agent}__")
            name = (stage or run.job_name, day)
            if name in seen or (stage and _made_since(instance, agent, stage, day, after=record.end_time)):
                continue
            seen.add(name)
            when = "" if day is None else f" of {day}"
            yield f"{stage or run.job_name}{when}, run {run.run_id[:8]}: {first_line(step.error)}"


def red_checks(instance: dg.DagsterInstance, agent: str, *, blocking: bool) -> Iterator[str]:
    """Checks whose latest evaluation failed, the blocking ones or the others."""
    checks = {
        dg.AssetCheckKey(dg.AssetKey([agent, stage.asset]), check.name): check
        for stage in STAGES
        for check in stage.checks
        if check.blocking is blocking and check.name not in SHOWN_AS_VERDICT
    }
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    for key, check in checks.items():
        record = found.get(key)
        if record is not None and record.status.value == "FAILED":
            yield f"check {key.name} of {key.asset_key.path[-1]}: not so: {check.description}"


def failed_ticks(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Schedules and sensors of the agent whose latest tick ended in an error."""
    for state in instance.all_instigator_state():
        if state.is_running and state.name.startswith(f"{agent}_"):
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks and ticks[0].is_failure:
                error = ticks[0].error
                said = "unknown error" if error is None else first_line(error.message)
                yield f"{state.instigator_type.value.lower()} {state.name}: {said}"


def stale_assets(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Assets that should have been made again by now, as their freshness policies say."""
    keys = [dg.AssetKey([agent, stage.asset]) for stage in STAGES]
    for key, record in instance.get_freshness_state_records(keys).items():
        if record.freshness_state.name == "FAIL":
            yield f"{key.path[-1]} is overdue"


def _is_of(run: dg.DagsterRun, agent: str) -> bool:
    if run.asset_selection:
        return any(key.path[0] == agent for key in run.asset_selection)
    return run.job_name.startswith(f"{agent}_")


def _made_since(instance: dg.DagsterInstance, agent: str, stage: str, day: str | None, *, after: float | None) -> bool:
    key = dg.AssetKey([agent, stage])
    wanted = dg.AssetRecordsFilter(key, asset_partitions=None if day is None else [day], after_timestamp=after)
    return bool(instance.fetch_materializations(wanted, limit=1).records)
