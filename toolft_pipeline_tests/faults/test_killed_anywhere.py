"""The whole flow killed with SIGKILL at any moment, again and again, until it is done: `make faults`.

What it ends in must be, asset by asset, what a run that nobody disturbed ends in.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse, damaged_files
from toolft_pipeline_tests.pipeline_site import TINY, Site, install

pytestmark = pytest.mark.faults

REPEATABLE = (
    "tool_catalog",
    "base_model",
    "raw_trajectories",
    "verified_trajectories",
    "run_signatures",
    "chat_rows",
    "token_tensors",
    "training_set",
    "qlora_adapter",
    "merged_model",
)
"""Assets whose content holds no measured time."""

KILLS = 12
SHORTEST_S, LONGEST_S = 3.0, 25.0


def contents(site: Site) -> dict[tuple[str, str], str]:
    """Content digest of every version in force, all files of it verified."""
    warehouse = Warehouse(site.root / "data" / ".warehouse")
    found = {}
    for asset in REPEATABLE:
        for partition in warehouse.partitions("assistant", asset):
            day = None if partition == "all" else partition
            version = warehouse.current(ArtifactKey(agent="assistant", asset=asset, partition=day))
            assert version is not None
            assert damaged_files(version) == []
            found[asset, partition] = version.manifest.content_digest
    return found


def start(site: Site) -> psutil.Popen:
    overrides = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "toolft_pipeline.cli", "run", "assistant", *overrides]
    return psutil.Popen(
        command, cwd=site.root, env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill(process: psutil.Popen) -> None:
    """The command and all that it started, at once and without a word."""
    family = [*process.children(recursive=True), process]
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family)


@pytest.mark.parametrize("seed", [1, 2])
def test_flow_killed_at_any_moment_ends_in_what_it_would_have_been(
    seed: int, tiny_model_folder: Path, tmp_path: Path
) -> None:
    whole = install(tmp_path / "whole", tiny_model_folder)
    assert whole.run().returncode == 0
    disturbed = install(tmp_path / "disturbed", tiny_model_folder)
    draw, killed = random.Random(seed), 0
    for _ in range(KILLS):
        running = start(disturbed)
        deadline = time.monotonic() + draw.uniform(SHORTEST_S, LONGEST_S)
        while time.monotonic() < deadline and running.poll() is None:
            time.sleep(0.1)
        if running.poll() is not None:
            break
        kill(running)
        killed += 1
        contents(disturbed)  # what is in force is whole at any moment
    finished = disturbed.run()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert killed >= 2, "nothing was disturbed"
    assert contents(disturbed) == contents(whole)
    again = disturbed.run("--force")
    assert again.returncode == 0, again.stdout + again.stderr
    assert not list((disturbed.root / "data" / ".warehouse").glob("**/staging/*")), "killed processes left something"
