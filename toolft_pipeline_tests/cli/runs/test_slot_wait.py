"""A run that waits for the accelerator says who holds it; a dead holder gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from toolft_pipeline.cli.runs import slot_wait
from toolft_pipeline.cli.runs.slot_wait import SlotWait
from toolft_pipeline.orchestration.runs.executor import GPU_POOL
from toolft_pipeline.orchestration.runs.process_identity import this_process
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG

STEP = "desk__qlora_adapter"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        opened.event_log_storage.set_concurrency_slots(GPU_POOL, 1)
        yield opened


def add(instance: dg.DagsterInstance, process: str) -> str:
    """A run that wants the accelerator's slot."""
    tags = {PROCESS_TAG: process, "dagster/partition": "2026-10-02"}
    run = dg.DagsterRun(job_name="desk_model", status=dg.DagsterRunStatus.STARTED, tags=tags)
    instance.add_run(run)
    instance.event_log_storage.claim_concurrency_slot(GPU_POOL, run.run_id, STEP)
    return run.run_id


def test_waiting_run_names_the_holder_once_and_again_after_minutes(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, waiting = (add(instance, this_process().text) for _ in range(2))
    clock = [1000.0]
    monkeypatch.setattr(slot_wait.time, "monotonic", lambda: clock[0])
    wait = SlotWait(instance)
    line = wait.line(waiting) or ""
    assert f"held by run {holder[:8]} (desk qlora_adapter of 2026-10-02, pid {this_process().pid} on " in line
    clock[0] += 10
    assert wait.line(waiting) is None
    clock[0] += slot_wait.AGAIN_S
    assert wait.line(waiting) == line
    assert SlotWait(instance).line(holder) is None


def test_waiting_run_gets_the_slot_of_a_holder_whose_process_is_gone(instance: dg.DagsterInstance) -> None:
    holder = add(instance, replace(this_process(), boot="the boot before").text)
    waiting = add(instance, this_process().text)
    SlotWait(instance).line(waiting)
    ended = instance.get_run_by_id(holder)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    claimed = instance.event_log_storage.claim_concurrency_slot(GPU_POOL, waiting, STEP)
    assert claimed.is_claimed
