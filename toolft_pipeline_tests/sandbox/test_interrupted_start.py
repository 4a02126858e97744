"""Ctrl-C while a sandbox starts, at each of its stages: the constructor ends, and so does the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.sandbox.conftest import is_alive

SERVER = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(3600)"
START = """
import os, signal, sys, threading, time
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from toolft_pipeline.sandbox import mcp_stdio
from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.settings import SandboxSettings

connect = mcp_stdio.connect


@asynccontextmanager
async def slow(**arguments):
    async with connect(**arguments) as session:
        await anyio.sleep(3600)
        yield session


def interrupt():
    while not (Path("pid").exists() and Path("pid").read_text()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGUSR1)


def interrupted(_signal, _frame):
    raise KeyboardInterrupt


if sys.argv[1] == "connecting":
    mcp_stdio.connect = slow
signal.signal(signal.SIGUSR1, interrupted)
threading.Thread(target=interrupt, daemon=True).start()
try:
    McpSandbox(SandboxSettings(command=("python", "server.py"), start_timeout_s=3600), cwd=Path.cwd())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("stage", ["connecting", "handshake"])
def test_interrupted_start_ends_the_server(tmp_path: Path, stage: str) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    done = subprocess.run(
        [sys.executable, "-c", START, stage], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=HANG_S
    )
    assert done.stdout == "interrupted\n", done.stderr
    assert not is_alive(int((tmp_path / "pid").read_text()))
