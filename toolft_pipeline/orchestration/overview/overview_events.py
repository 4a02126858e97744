"""Current failures of the instance: failed runs, checks and ticks, and overdue assets.

Invariant: a failed run is listed until each failed stage has succeeded for that day, a check or tick until its next
evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from toolft_pipeline.orchestration.active_runs import day_of
from toolft_pipeline.orchestration.alerts.alert import first_line
from toolft_pipeline.orchestration.run_failures import FailedStep, failed_steps
from toolft_pipeline.stages.stages import STAGES

RUNS_LOOKED_AT = 200
"""Newest finished runs that are searched for failures."""

SHOWN_AS_VERDICT = frozenset({"gate", "candidate_serves"})
"""Checks that repeat the gate's verdict, which the overview shows anyway."""


def failed_runs(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Failures that no later run repaired, newest first, one line per stage and day."""
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


def failed_checks(instance: dg.DagsterInstance, agent: str, *, blocking: bool) -> Iterator[str]:
    """Checks whose latest evaluation failed, the blocking ones or the others."""
    checks = {
        dg.AssetCheckKey(dg.AssetKey([agent, stage.asset]), check.name): check
        for stage in STAGES
        for check in stage.checks
        if check.blocking is blocking and check.name not in SHOWN_AS_VERDICT
    }
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    for key, check in checks.items():
        record = latest.get(key)
        if record is not None and record.status.value == "FAILED":
            yield f"check {key.name} of {key.asset_key.path[-1]} failed; it checks: {check.description}"


def failed_ticks(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Schedules and sensors of the agent whose latest tick failed."""
    for state in instance.all_instigator_state():
        if state.is_running and state.name.startswith(f"{agent}_"):
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks and ticks[0].is_failure:
                error = ticks[0].error
                message = "unknown error" if error is None else first_line(error.message)
                yield f"{state.instigator_type.value.lower()} {state.name}: {message}"


def stale_assets(instance: dg.DagsterInstance, agent: str) -> Iterator[str]:
    """Assets that are overdue by their freshness policy."""
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
