"""A step ends with its orchestrator, however that ends; one that ends by itself leaves no guard behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from toolft_pipeline_tests.conftest import HANG_S

ORCHESTRATOR = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # dagster gives it what SIGINT has, which a background job ignores
theirs, ours = os.pipe()
guard = [sys.executable, "-m", "toolft_pipeline.orchestration.runs.step_guard", str(theirs), "--"]
step = subprocess.Popen([*guard, *sys.argv[1:]], pass_fds=[theirs], start_new_session=True)
os.close(theirs)
sys.exit(step.wait())
"""
STEP = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
print(os.getpid(), helper.pid, flush=True)
time.sleep(3600)
"""


@pytest.fixture
def orchestrator() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR, sys.executable, "-c", STEP], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_step_and_its_children_end_with_a_killed_orchestrator(
    orchestrator: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert orchestrator.stdout is not None
    family = [psutil.Process(int(word)) for word in orchestrator.stdout.readline().split()]
    family += [child for child in family[0].children() if child not in family]  # the guard itself
    assert len(family) == 3
    orchestrator.send_signal(number)
    _, alive = psutil.wait_procs(family, timeout=HANG_S)
    assert not alive


def test_step_that_ends_by_itself_hands_on_its_status_and_leaves_nothing() -> None:
    script = "import os, sys; print(os.getpid(), flush=True); sys.exit(7)"
    process = subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR, sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    said, _ = process.communicate(timeout=HANG_S)  # ends when nobody holds the pipe: the guard has ended too
    assert process.returncode == 7
    assert not psutil.pid_exists(int(said))
