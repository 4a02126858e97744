"""A run without an accelerator step stays in its one process, and sees no device there; a step ends with its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.definitions.reconstruct import reconstructable

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.runs.executor import EXECUTORS, executor_from_environment
from toolft_pipeline.orchestration.runs.gpu_lease import leases
from toolft_pipeline.orchestration.runs.process_identity import parse_identity, this_process
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.faults.three_retrains import day

LAUNCH = "import sys; from toolft_pipeline_tests.faults.three_retrains import launch; launch(*sys.argv[1:])"


@pytest.mark.parametrize("name", EXECUTORS)
def test_executor_is_chosen_by_name_and_documented(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLFT_EXECUTOR", name)
    assert executor_from_environment() is EXECUTORS[name]
    rows = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in rows if line.startswith("| TOOLFT_EXECUTOR |"))
    assert f"`{name}`" in row.rpartition("the executor")[2], "add it to the table of docs/operations.md"


def test_unknown_executor_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLFT_EXECUTOR", "ray")
    with pytest.raises(ValueError, match=r"TOOLFT_EXECUTOR=ray: unknown executor; set it to local"):
        executor_from_environment()


def test_executor_chosen_by_environment_reaches_every_job(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = dg.ExecutorDefinition(name="elsewhere", executor_creation_fn=lambda context: None)  # type: ignore[arg-type,return-value]
    monkeypatch.setitem(EXECUTORS, "elsewhere", elsewhere)
    monkeypatch.setenv("TOOLFT_EXECUTOR", "elsewhere")
    agent = load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE)
    jobs = list(build_definitions([agent]).get_repository_def().get_all_jobs())
    named = {f"assistant_{name}" for name in ("sources", "data", "model", "nightly", "prune")}
    assert named < {job.name for job in jobs}, "beside them the implicit job of asset pages and automation"
    assert {job.name: job.executor_def.name for job in jobs} == {job.name: "elsewhere" for job in jobs}


def test_local_executor_run_of_data_starts_no_process_and_hides_all_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("TOOLFT_NOTES", str(notes))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with (
        dg.instance_for_test() as instance,
        dg.execute_job(reconstructable(day), instance=instance, tags={"whose": "desk"}) as result,
    ):
        assert result.success
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert parse_identity(run.tags[PROCESS_TAG]) == this_process()
    assert notes.read_text().split()[1:] == ["data", "desk", str(os.getpid())]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, dg.DagsterRunStatus.STARTED), (signal.SIGINT, dg.DagsterRunStatus.CANCELED)],
)
def test_local_executor_step_ends_with_a_killed_or_interrupted_orchestrator(
    tmp_path: Path, number: signal.Signals, status: dg.DagsterRunStatus
) -> None:
    notes = tmp_path / "notes"
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "data" / ".dagster").mkdir(parents=True)
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "TOOLFT_NOTES": str(notes), "TOOLFT_DEVICES": "0"}
    environment["PYTHONPATH"] = os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", "")))
    with (tmp_path / "log").open("wb") as log:
        orchestrator = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, "retrain", "stuck"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + HANG_S
        while not notes.exists() or not notes.read_text().endswith("\n"):
            assert time.monotonic() < deadline
            assert orchestrator.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        step = psutil.Process(int(notes.read_text().split()[3]))
        orchestrator.send_signal(number)
        orchestrator.wait(HANG_S)
    finally:
        orchestrator.kill()
        orchestrator.wait()
    step.wait(HANG_S)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        (run,) = instance.get_runs()
        assert run.status is status
    assert leases(tmp_path / "data" / ".dagster" / "devices") == []
