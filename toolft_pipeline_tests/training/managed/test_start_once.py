"""One job, whatever happens: answers that never come, processes that are killed, second runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError
from toolft_pipeline.training.managed.hosts.http_api import Pauses
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.managed.host_server import Fault, HostServer, hosting
from toolft_pipeline_tests.training.managed.made_window import KEY, VARIABLE, managed, train

APIS = ["openai", "together"]


def start_name(api: str) -> str:
    return "POST /fine-tunes" if api == "together" else "POST /fine_tuning/jobs"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=429, headers={"retry-after": "0.02"}), Fault(status=429)],
        [Fault(status=500), Fault(status=503)],
        [Fault(reset=True)],
        [Fault(reset=True, after=True)],
        [Fault(status=500, after=True)],
        [Fault(hang=True, after=True)],
    ],
    ids=["429", "5xx", "reset", "reset after the job was created", "500 after", "time-out after"],
)
def test_start_that_fails_is_tried_again_and_makes_one_job(tmp_path: Path, faults: list[Fault], api: str) -> None:
    log: list[str] = []
    with hosting(HostServer(together=api == "together", faults={start_name(api): list(faults)})) as host:
        train(tmp_path, managed(host.address, api=api, timeout_s=0.5), log)
    assert len(host.jobs) == 1, log


def test_upload_whose_answer_is_lost_is_found_and_not_sent_again(tmp_path: Path) -> None:
    with hosting(HostServer(faults={"POST /files": [Fault(reset=True, after=True)]})) as host:
        train(tmp_path, managed(host.address), [])
    assert len(host.files) == 2  # training and validation


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    log: list[str] = []
    with hosting(HostServer(faults={start_name("openai"): [Fault(status=429, headers={"retry-after": "1"})]})) as host:
        train(tmp_path, managed(host.address), log)
    assert any("429 so the host says; trying again in 1.0 s" in line for line in log), log


def test_quota_that_is_used_up_is_not_waited_for(tmp_path: Path) -> None:
    fault = Fault(status=429, code="insufficient_quota", message="You exceeded your current quota.")
    with (
        hosting(HostServer(faults={start_name("openai"): [fault] * 9})) as host,
        pytest.raises(ManagedTrainingError, match=r"You exceeded your current quota. \(insufficient_quota\)"),
    ):
        train(tmp_path, managed(host.address), [])
    assert host.count(start_name("openai")) == 1


def test_host_that_stays_away_ends_the_attempt_with_its_reason(tmp_path: Path) -> None:
    short = Pauses(first_s=0.01, longest_s=0.02, patience_s=0.1)
    with (
        hosting(HostServer(faults={"GET /files": [Fault(status=503)] * 99})) as host,
        pytest.raises(ManagedTrainingError, match=r"503 so the host says; gave up after \d+ tries"),
    ):
        train(tmp_path, managed(host.address), [], pauses=short)
    assert not host.jobs


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("moment", ["upload", "listing", "created", "following"])
def test_killed_process_and_a_second_one_make_one_job(tmp_path: Path, moment: str, api: str) -> None:
    host = HostServer(together=api == "together")
    jobs = "fine-tunes" if api == "together" else "fine_tuning/jobs"
    at = {
        "upload": "POST /files/upload" if api == "together" else "POST /files",
        "listing": f"GET /{jobs}",  # both files are there, no job was asked for
        "following": f"GET /{jobs}/{{id}}/events",
    }
    with hosting(host):
        attempt = _attempt(tmp_path, host, api)
        kill = _once(lambda: os.kill(attempt.pid, signal.SIGKILL))
        if moment == "created":
            host.on_created = kill  # the job exists, its answer is never read
        else:
            host.on_request = lambda name: kill() if name == at[moment] else None
        _let_go(attempt)
        assert attempt.wait(HANG_S) == -signal.SIGKILL
        before = len(host.jobs)
        log: list[str] = []
        train(tmp_path, managed(host.address, api=api), log)
    assert before == (moment in {"created", "following"})
    assert len(host.jobs) == 1, log
    assert host.count(start_name(api)) == 1
    assert len(host.files) == 2
    if moment == "created":
        assert any("which an earlier attempt started and could not record" in line for line in log), log


def test_second_run_without_the_first_ones_record_finds_the_job(tmp_path: Path) -> None:
    log: list[str] = []
    with hosting(HostServer()) as host:
        train(tmp_path / "here", managed(host.address), [])
        train(tmp_path / "elsewhere", managed(host.address), log)
    assert len(host.jobs) == 1
    assert any("for the same rows, model and hyperparameters" in line for line in log)


def test_other_hyperparameters_and_forced_runs_are_other_jobs(tmp_path: Path) -> None:
    with hosting(HostServer()) as host:
        train(tmp_path / "a", managed(host.address), [])
        train(tmp_path / "b", managed(host.address, hyperparameters={"n_epochs": 2}), [])
        train(tmp_path / "c", managed(host.address), [], again="run-9")
        train(tmp_path / "c", managed(host.address), [], again="run-9")
    assert len(host.jobs) == 3
    assert len(host.files) == 2, "the same files are uploaded once"


def test_job_that_failed_before_is_not_taken_by_a_new_run(tmp_path: Path) -> None:
    error = {"code": "server_error", "message": "Training failed due to an error."}
    with hosting(HostServer(script=["failed"], error=error)) as host:
        with pytest.raises(ManagedTrainingError, match=r"failed: Training failed due to an error. \(server_error\)"):
            train(tmp_path, managed(host.address), [])
        host.script = []
        train(tmp_path, managed(host.address), [])
    assert [job["status"] for job in host.jobs] == ["failed", "succeeded"]


def test_two_processes_at_once_start_one_job(tmp_path: Path) -> None:
    with hosting(HostServer()) as host:
        host.on_request = lambda name: time.sleep(2.0) if name == start_name("openai") else None
        attempts = [_attempt(tmp_path, host, "openai", out=str(number)) for number in range(2)]
        for each in attempts:
            _let_go(each)
        assert [each.wait(HANG_S) for each in attempts] == [0, 0]
    assert len(host.jobs) == 1


def _once(act: Callable[[], None]) -> Callable[[], None]:
    done: list[bool] = []

    def act_once() -> None:
        if not done:
            done.append(True)
            act()

    return act_once


def _attempt(place: Path, host: HostServer, api: str, *, out: str = "0") -> subprocess.Popen[bytes]:
    """A process that waits for a byte before it begins, so that the host can be told whom to kill."""
    module = "toolft_pipeline_tests.training.managed.killed_attempt"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(place), host.address, api, out],
        env={**os.environ, VARIABLE: KEY, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def _let_go(attempt: subprocess.Popen[bytes]) -> None:
    assert attempt.stdin is not None
    attempt.stdin.write(b"\n")
    attempt.stdin.close()
