"""The misbehaving backend, and whether one of its processes is still there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.settings import SandboxSettings

BACKEND = Path(__file__).with_name("backend.py")

Settings = Callable[..., SandboxSettings]


@pytest.fixture
def backend(tmp_path: Path) -> Settings:
    """Settings of the misbehaving backend: its mode, and anything of `SandboxSettings`."""

    (tmp_path / "pids").touch()

    def make(mode: str = "", **changes: Any) -> SandboxSettings:
        values: dict[str, Any] = {
            "command": ("python", str(BACKEND), mode),
            "env": {"BACKEND_PID_FILE": str(tmp_path / "pids")},
            "volatile": ("pid",),
            "call_timeout_s": 60.0,
            "trajectory_timeout_s": 600.0,
            "start_timeout_s": 600.0,
        }
        return SandboxSettings(**values | changes)

    return make


@pytest.fixture
def living(tmp_path: Path) -> Callable[[], list[int]]:
    """The backend processes of this test that still run."""
    return lambda: [int(pid) for pid in (tmp_path / "pids").read_text().split() if is_alive(int(pid))]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")
