"""A killed run gives its slot back without a daemon; a living one keeps it."""

from __future__ import annotations

import os
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRun

from toolft_pipeline.cli.dead_runs import PROCESS_TAG, release_dead_runs


def holding_run(instance: dg.DagsterInstance, *, process: int) -> str:
    run = DagsterRun(job_name="job", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: str(process)})
    instance.add_run(run)
    assert instance.event_log_storage.claim_concurrency_slot("gpu", run.run_id, "step").is_claimed
    return run.run_id


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(("killed", "slots"), [(True, 0), (False, 1)])
def test_release_dead_runs_frees_slots_of_killed_processes_only(killed: bool, slots: int) -> None:
    with dg.instance_for_test() as instance:
        instance.event_log_storage.set_concurrency_slots("gpu", 1)
        run_id = holding_run(instance, process=ended_process() if killed else os.getpid())
        assert release_dead_runs(instance) == ([run_id] if killed else [])
        assert instance.event_log_storage.get_concurrency_info("gpu").active_slot_count == slots
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.is_finished is killed
