"""Give back what a killed `toolft run` still holds.

Invariant: a slot of a pool belongs to a run that lives. Without the daemon (nobody runs `make dev` beside a nightly
command line) a killed run keeps its status and its slot for ever, and the next training would wait for it in silence.
"""

from __future__ import annotations

import os

import dagster as dg

PROCESS_TAG = "toolft/process"
"""Id of the process that orchestrates a run from the command line, on this machine."""

_ALIVE = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def release_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed and free the slots of all ended runs; returns the runs freed."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_ALIVE)):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and not _lives(int(process)):
            instance.report_run_failed(run, "the process of this run was killed")
    freed = []
    for run_id in sorted(instance.event_log_storage.get_concurrency_run_ids()):
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            freed.append(run_id)
    return freed


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
