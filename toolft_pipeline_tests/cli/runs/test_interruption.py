"""A real `toolft run` that a person stops: one line, the right status, a run that is canceled, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

SANDBOX = """import sys, time, pathlib
pathlib.Path(sys.argv[1]).touch()
time.sleep(3600)
"""
"""A sandbox that never answers: verification of a day waits for it, inside the command's own process."""


class Command:
    """A running `toolft run assistant --data`, which hangs in its first day's sandbox."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.root = root
        self.reached = root / "reached"
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(root),
            "TOOLFT_AGENTS": str(root / "agents"),
            "TOOLFT_WAREHOUSE": str(root / "warehouse"),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "toolft_pipeline.cli", "run", "assistant", "--data", *arguments],
            cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + HANG_S
        while not condition():
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def runs(self) -> list[dg.DagsterRun]:
        with dg.DagsterInstance.from_config(str(self.root)) as instance:
            return list(instance.get_runs())


@pytest.fixture
def root(assistant_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = assistant_folder.parent.parent
    monkeypatch.setenv("DAGSTER_HOME", str(root))
    shutil.copy(REPOSITORY / "dagster.yaml", root)
    (root / "data" / ".dagster").mkdir(parents=True)
    script = assistant_folder / "hangs.py"
    script.write_text(SANDBOX)
    agent = assistant_folder / "agent.yaml"
    document = yaml.safe_load(agent.read_text())
    document["sandbox"]["command"] = ["python", "hangs.py", str(root / "reached")]
    agent.write_text(yaml.safe_dump(document))
    warehouse = Warehouse(root / "warehouse")
    run_stage(tool_catalog.STAGE, load_agent(agent), None, warehouse, progress=lambda _line: None, run_id=None)
    return root


@pytest.fixture
def running(root: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str) -> Command:
        started.append(Command(root, *arguments))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            for each in [*command.children(), psutil.Process(command.process.pid)]:
                each.kill()
            command.process.communicate()


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_run_stopped_by_a_person_says_one_line_and_is_canceled(
    running: Callable[..., Command], number: signal.Signals, name: str
) -> None:
    command = running("--stage", "raw_trajectories")
    command.until(command.reached.exists)
    children = command.children()
    assert children
    os.killpg(command.process.pid, number)  # as a terminal does
    _, said = command.process.communicate(timeout=HANG_S)
    assert command.process.returncode == 128 + number
    assert "Traceback" not in said, said
    (line,) = [line for line in said.splitlines() if "a second signal stops it at once" not in line]  # a slow machine
    assert line.startswith(f"toolft: {name} stopped verified_trajectories of assistant data 2026-10-0")
    assert "`toolft run assistant --data --stage raw_trajectories` continues from there" in line
    assert [run.status for run in command.runs()] == [dg.DagsterRunStatus.CANCELED]
    _, alive = psutil.wait_procs(children, timeout=HANG_S)
    assert not alive
