"""A device has one holder; it comes back when the holder ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toolft_pipeline.orchestration.runs.gpu_lease import devices

HOLD = "import os, sys; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()"


def holder(folder: Path, *, named: str, count: str = "1") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toolft_pipeline.orchestration.runs.gpu_lease", str(folder), count, "--"]
    return subprocess.Popen(
        [*command, sys.executable, "-c", HOLD],
        env={**os.environ, "TOOLFT_DEVICES": named},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shown(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_lease_two_holders_get_two_devices_and_a_third_waits_for_a_killed_one(tmp_path: Path) -> None:
    first, second = holder(tmp_path, named="0,1"), holder(tmp_path, named="0,1")
    try:
        assert {shown(first), shown(second)} == {"0", "1"}
        third = holder(tmp_path, named="0,1")
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert shown(third) in {"0", "1"}
        third.kill()
        third.wait()
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


@pytest.mark.parametrize("count", ["2", "all"])
def test_lease_of_several_takes_them_together_or_waits_without_any(tmp_path: Path, count: str) -> None:
    one = holder(tmp_path, named="0,1")
    assert shown(one) == "0"
    several = holder(tmp_path, named="0,1", count=count)
    try:
        assert several.stderr is not None
        assert "waiting for an accelerator: 0 is held" in several.stderr.readline()
        other = holder(tmp_path, named="0,1")
        assert shown(other) == "1", "the one that waits for two holds none"
        for process in (one, other):
            process.communicate("")
        assert shown(several) == "0,1"
    finally:
        several.kill()
        several.communicate()


def test_lease_of_more_than_there_are_takes_all(tmp_path: Path) -> None:
    process = holder(tmp_path, named="0,1", count="4")
    assert shown(process) == "0,1"
    process.communicate("")


def test_lease_machine_without_gpu_hides_all_devices(tmp_path: Path) -> None:
    process = holder(tmp_path, named="cpu")
    assert shown(process) == ""
    process.communicate("")
    assert process.returncode == 0


def test_devices_named_by_the_environment_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert devices() == ["2", "3"]
    monkeypatch.setenv("TOOLFT_DEVICES", "5")
    assert devices() == ["5"]
