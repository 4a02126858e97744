"""A run whose process is gone is failed and its slot comes back; a run that may live is left alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.events import DagsterEventType

from toolft_pipeline.orchestration.runs import process_identity
from toolft_pipeline.orchestration.runs.process_identity import ProcessIdentity, this_process
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG
from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs
from toolft_pipeline.orchestration.sensors.stale_run_sensor import dead_run_sensor

STARTED = dg.DagsterRunStatus.STARTED
LOCAL_SERVER = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": "/tmp/a-socket"})}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        opened.event_log_storage.set_concurrency_slots("gpu", 1)
        yield opened


def ended_process() -> ProcessIdentity:
    script = "from toolft_pipeline.orchestration.runs.process_identity import this_process as p; print(p().text)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return ProcessIdentity(**json.loads(said))


def add(instance: dg.DagsterInstance, tags: dict[str, str], status: dg.DagsterRunStatus = STARTED, **how: str) -> str:
    run = dg.DagsterRun(job_name="job", status=status, tags=tags, **how)
    instance.add_run(run)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("began", [STARTED, dg.DagsterRunStatus.STARTING])
def test_run_of_an_ended_process_is_failed_and_gives_its_slot_back(
    instance: dg.DagsterInstance, began: dg.DagsterRunStatus
) -> None:
    run_id = add(instance, {PROCESS_TAG: ended_process().text}, began)
    assert instance.event_log_storage.claim_concurrency_slot("gpu", run_id, "step").is_claimed
    found = recover_from_dead_runs(instance)
    assert (found.ended, found.freed) == ((run_id,), (run_id,))
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert instance.event_log_storage.get_concurrency_info("gpu").active_slot_count == 0
    (failure,) = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
    assert "the machine restarted" in failure.message
    assert recover_from_dead_runs(instance).ended == ()


def test_run_whose_process_lives_is_left_alone(instance: dg.DagsterInstance) -> None:
    run_id = add(instance, {PROCESS_TAG: this_process().text})
    assert instance.event_log_storage.claim_concurrency_slot("gpu", run_id, "step").is_claimed
    assert recover_from_dead_runs(instance) == recover_from_dead_runs(instance)
    assert status(instance, run_id) is STARTED
    assert instance.event_log_storage.get_concurrency_info("gpu").active_slot_count == 1


@pytest.mark.parametrize("changed", [{"boot": "another-boot"}, {"started": "1"}])
def test_run_whose_pid_was_given_to_another_process_is_failed(
    instance: dg.DagsterInstance, changed: dict[str, str]
) -> None:
    run_id = add(instance, {PROCESS_TAG: replace(this_process(), **changed).text})  # type: ignore[arg-type]
    assert recover_from_dead_runs(instance).ended == (run_id,)


def test_run_of_another_host_is_not_judged(instance: dg.DagsterInstance) -> None:
    run_id = add(instance, {PROCESS_TAG: replace(ended_process(), host=f"not-{socket.gethostname()}").text})
    assert recover_from_dead_runs(instance).ended == ()
    assert status(instance, run_id) is STARTED


def test_run_that_was_being_canceled_ends_as_canceled(instance: dg.DagsterInstance) -> None:
    run_id = add(instance, {PROCESS_TAG: ended_process().text}, dg.DagsterRunStatus.CANCELING)
    assert recover_from_dead_runs(instance).ended == (run_id,)
    assert status(instance, run_id) is dg.DagsterRunStatus.CANCELED


def test_retry_that_still_carries_its_parents_process_is_left_alone(instance: dg.DagsterInstance) -> None:
    tags = {PROCESS_TAG: ended_process().text}
    parent = add(instance, tags, dg.DagsterRunStatus.FAILURE)
    retry = add(instance, tags, dg.DagsterRunStatus.STARTING, parent_run_id=parent, root_run_id=parent)
    assert recover_from_dead_runs(instance).ended == ()
    assert status(instance, retry) is dg.DagsterRunStatus.STARTING


@pytest.mark.parametrize(
    ("pid", "ended"), [(lambda: ended_process().pid, True), (os.getpid, False), (lambda: 1 << 22, True)]
)
def test_run_that_recorded_nothing_is_judged_by_the_event_of_its_code_server(
    instance: dg.DagsterInstance, pid: Callable[[], int], ended: bool
) -> None:
    run_id = add(instance, LOCAL_SERVER)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_engine_event(f"Started process for run (pid: {pid()}).", run)
    assert recover_from_dead_runs(instance).ended == ((run_id,) if ended else ())


def test_run_whose_event_is_older_than_the_process_of_that_pid_is_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = add(instance, LOCAL_SERVER)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    with monkeypatch.context() as earlier:
        earlier.setattr("time.time", lambda: 1_700_000_000.0)  # before this machine started
        instance.report_engine_event(f"Started process for run (pid: {os.getpid()}).", run)
    assert recover_from_dead_runs(instance).ended == (run_id,)


@pytest.mark.parametrize("tags", [{}, {".dagster/grpc_info": json.dumps({"host": "user-code", "port": 4000})}])
def test_run_of_another_launcher_or_code_server_is_not_judged(
    instance: dg.DagsterInstance, tags: dict[str, str]
) -> None:
    run_id = add(instance, tags)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_engine_event(f"Started process for run (pid: {ended_process().pid}).", run)
    assert recover_from_dead_runs(instance).ended == ()


def test_sensor_says_what_it_ended_and_runs_by_default(instance: dg.DagsterInstance) -> None:
    run_id = add(instance, {PROCESS_TAG: ended_process().text})
    sensor = dead_run_sensor()
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert (sensor.minimum_interval_seconds or 0) <= 60
    tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert f"run marked as ended: {run_id[:8]}" in (tick.skip_message or "")


def test_zombie_counts_as_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has taken its status yet
    assert process_identity.started(process.pid) is None
    process.wait()
