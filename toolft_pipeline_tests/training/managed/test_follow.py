"""Following a job: its events, its end, and what a cancelled run leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.managed.host_server import Fault, HostServer, hosting
from toolft_pipeline_tests.training.managed.made_window import KEY, VARIABLE, managed, train

APIS = ["openai", "together"]
RUNNING = ["running"]


def jobs_path(api: str) -> str:
    return "fine-tunes" if api == "together" else "fine_tuning/jobs"


def test_events_are_logged_once_and_in_order(tmp_path: Path) -> None:
    log: list[str] = []
    with hosting(HostServer(script=["queued", "running", "running", "running", "succeeded"])) as host:
        train(tmp_path, managed(host.address), log)
    told = [line for line in log if line.startswith("ft-0: step")]
    assert told == ["ft-0: step 1", "ft-0: step 2", "ft-0: step 3"]
    assert any("queued -> running" in line for line in log)


@pytest.mark.parametrize("api", APIS)
def test_faults_while_following_are_waited_out(tmp_path: Path, api: str) -> None:
    look, events = f"GET /{jobs_path(api)}/{{id}}", f"GET /{jobs_path(api)}/{{id}}/events"
    faults = {
        look: [Fault(status=429), Fault(status=502), Fault(reset=True), Fault(hang=True)],
        events: [Fault(status=503), Fault(reset=True)],
    }
    log: list[str] = []
    with hosting(HostServer(together=api == "together", faults=faults)) as host:
        train(tmp_path, managed(host.address, api=api, timeout_s=0.5), log)
    assert len(host.jobs) == 1
    assert sum("trying again in" in line for line in log) == 6


@pytest.mark.parametrize("api", APIS)
def test_failed_job_ends_with_the_hosts_own_reason(tmp_path: Path, api: str) -> None:
    error = {"code": "invalid_training_file", "param": "training_file", "message": "Example 4 has too many tokens."}
    script = ["running", "error" if api == "together" else "failed"]
    with (
        hosting(HostServer(together=api == "together", script=script, error=error)) as host,
        pytest.raises(ManagedTrainingError, match=r"job ft-0 failed: Example 4 has too many tokens\."),
    ):
        train(tmp_path, managed(host.address, api=api), [])
    assert not list(tmp_path.glob("out-*/model"))


def test_file_that_the_host_cannot_read_ends_with_its_reason(tmp_path: Path) -> None:
    class Unreadable(HostServer):
        def uploaded(self, form: dict[str, str], name: str, content: bytes) -> dict[str, object]:
            return {**super().uploaded(form, name, content), "status": "error", "status_details": "line 3 is not JSON"}

    with hosting(Unreadable()) as host, pytest.raises(ManagedTrainingError, match="line 3 is not JSON"):
        train(tmp_path, managed(host.address), [])
    assert not host.jobs


@pytest.mark.parametrize("api", APIS)
def test_job_cancelled_at_the_host_is_no_model_and_the_next_run_starts_another(tmp_path: Path, api: str) -> None:
    with hosting(HostServer(together=api == "together", script=["running", "cancelled"])) as host:
        with pytest.raises(ManagedTrainingError, match="job ft-0 was cancelled at the host"):
            train(tmp_path, managed(host.address, api=api), [])
        host.script = []
        train(tmp_path, managed(host.address, api=api), [])
    assert len(host.jobs) == 2


def test_job_that_takes_too_long_goes_on_and_is_followed_by_the_next_run(tmp_path: Path) -> None:
    log: list[str] = []
    with hosting(HostServer(script=RUNNING)) as host:
        with pytest.raises(ManagedTrainingError, match=r"running after managed\.max_hours"):
            train(tmp_path, managed(host.address, max_hours=0.0000001), [])
        host.script = []
        train(tmp_path, managed(host.address), log)
    assert len(host.jobs) == 1
    assert log[1].startswith("training.jsonl is at the host already")
    assert any("following job ft-0, which an earlier attempt started" in line for line in log)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("cancel", [True, False])
def test_interrupted_run_cancels_the_job_or_says_that_it_goes_on(tmp_path: Path, cancel: bool, api: str) -> None:
    with hosting(HostServer(together=api == "together", script=RUNNING)) as host:
        attempt = _started(tmp_path, host, api, cancel=cancel)
        looks = f"GET /{jobs_path(api)}/{{id}}"
        done: list[bool] = []

        def interrupt(name: str) -> None:
            if name == looks and not done:
                done.append(True)
                os.kill(attempt.pid, signal.SIGINT)

        host.on_request = interrupt
        said, _ = attempt.communicate(b"\n", timeout=HANG_S)
        assert attempt.returncode != 0
    assert host.jobs[0]["status"] == ("cancelled" if cancel else "running")
    assert (b"cancelled job ft-0 at the host, with its run" in said) is cancel
    assert (b"job ft-0 goes on at the host" in said) is not cancel


@pytest.mark.parametrize("cancel", [True, False])
def test_run_interrupted_while_it_starts_the_job_leaves_none_behind(tmp_path: Path, cancel: bool) -> None:
    with hosting(HostServer(script=RUNNING)) as host:
        attempt = _started(tmp_path, host, "openai", cancel=cancel)
        host.on_created = lambda: (os.kill(attempt.pid, signal.SIGINT), time.sleep(0.5))[0]
        said, _ = attempt.communicate(b"\n", timeout=HANG_S)
        assert attempt.returncode != 0
    assert [job["status"] for job in host.jobs] == ["cancelled" if cancel else "running"], said


def _started(place: Path, host: HostServer, api: str, *, cancel: bool) -> subprocess.Popen[bytes]:
    module = "toolft_pipeline_tests.training.managed.killed_attempt"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(place), host.address, api, "0", str(cancel)],
        env={**os.environ, VARIABLE: KEY, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
