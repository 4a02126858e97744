"""Retrains launched at once take the accelerator in turn while data go on, and a killed holder's slot comes back.

Real processes on a real instance: an orchestrator a run, a process a step, pool `gpu` and the device lease.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest

from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

pytestmark = pytest.mark.faults

WATCHED_S = 10.0
"""How long a waiting run is watched: it uses some 0.1 s of CPU in this time."""

LAUNCH = "import sys; from toolft_pipeline_tests.faults.three_retrains import launch; launch(*sys.argv[1:])"


class Site:
    """An instance of its own, and what the runs on it logged."""

    def __init__(self, root: Path) -> None:
        shutil.copy(REPOSITORY / "dagster.yaml", root)
        (root / "data" / ".dagster").mkdir(parents=True)
        self.root = root
        self.notes = root / "notes"
        self.notes.touch()
        self.processes: list[subprocess.Popen[bytes]] = []

    def launch(self, job: str, whose: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "DAGSTER_HOME": str(self.root),
            "TOOLFT_NOTES": str(self.notes),
            "TOOLFT_DEVICES": "0",
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", ""))),
        }
        with (self.root / f"{whose}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, job, whose],
                cwd=self.root, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def logged(self) -> list[tuple[str, str, int]]:
        """What, whose, process; in the order of time."""
        lines = sorted(line.split() for line in self.notes.read_text().splitlines())
        return [(what, whose, int(process)) for _, what, whose, process in lines]

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANG_S
        while not condition():
            assert time.monotonic() < deadline, self.logged()
            assert all(
                process.poll() in {None, 0} for process in self.processes if process.poll() != -signal.SIGKILL
            ), [path.read_text()[-2000:] for path in self.root.glob("*.log")]
            time.sleep(0.1)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    site = Site(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)):
        pass  # the tables are made before three processes would make them at once
    yield site
    for process in site.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_three_retrains_hold_the_device_in_turn_and_data_go_on_and_a_killed_holder_gives_it_back(site: Site) -> None:
    stuck = site.launch("retrain", "stuck")
    site.until(lambda: bool(site.logged()))
    (held,) = site.logged()
    assert held[:2] == ("holds", "stuck")

    others = [site.launch("retrain", name) for name in ("second", "third")]
    data = site.launch("day", "data")
    assert data.wait(HANG_S) == 0, (site.root / "data.log").read_text()
    with dg.DagsterInstance.from_config(str(site.root)) as instance:
        site.until(lambda: waiting(instance) == 2)
        assert [what for what, *_ in site.logged()] == ["holds", "data"]

        killed = [psutil.Process(stuck.pid), psutil.Process(held[2])]
        family = killed + [child for process in killed for child in process.children(recursive=True)]
        for process in family:
            process.kill()
        stuck.wait()
        psutil.wait_procs(family)
        assert len(recover_from_dead_runs(instance).ended) == 1
    for process in others:
        assert process.wait(HANG_S) == 0
    after = [note[:2] for note in site.logged()][2:]
    first = after[0][1]
    last = "third" if first == "second" else "second"
    assert after == [("holds", first), ("ends", first), ("holds", last), ("ends", last)]


def test_waiting_run_leaves_the_cpu_to_the_holder(site: Site) -> None:
    """Dagster's multiprocess executor fails this: it polls for the slot without a pause, and takes all of a core."""
    site.launch("retrain", "stuck")
    site.until(lambda: bool(site.logged()))
    waits = psutil.Process(site.launch("retrain", "second").pid)
    with dg.DagsterInstance.from_config(str(site.root)) as instance:
        site.until(lambda: waiting(instance) == 1)
    began, before = time.monotonic(), waits.cpu_times()
    site.until(lambda: time.monotonic() > began + WATCHED_S)
    used = sum(waits.cpu_times()[:2]) - sum(before[:2])
    assert used < 0.15 * WATCHED_S


def waiting(instance: dg.DagsterInstance) -> int:
    """Steps that wait for the slot."""
    return instance.event_log_storage.get_concurrency_info("gpu").pending_step_count
