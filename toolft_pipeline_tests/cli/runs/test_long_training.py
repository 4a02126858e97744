"""Whoever sits at the terminal is asked about long training; where nobody does, the run fails with the line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from toolft_pipeline_tests.conftest import HANG_S

PROGRAM = """
from toolft_pipeline.cli.runs.launch import RunFailedError
from toolft_pipeline.cli.runs.long_training import launch_or_ask

def launch(*, config):
    if config["limit"]:
        raise RunFailedError({failure!r})
    print("trained without a limit")

launch_or_ask(launch, config={{"limit": True}}, unlimited={{"limit": False}})
"""
TOO_LONG = "qlora_adapter: training would take about 9.1 hours, training.max_hours allows 6.0 hours: lower something"


def on_a_terminal(failure: str, typed: str) -> tuple[int, str]:
    """Status and screen of a process whose standard streams are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(failure=failure)], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        screen = b""
        while True:
            try:
                screen += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        os.close(ours)
        return process.wait(HANG_S), screen.decode()


@pytest.mark.parametrize(("typed", "trained"), [("y\n", True), ("n\n", False), ("\n", False), ("\x04", False)])
def test_long_training_asks_at_a_terminal(typed: str, trained: bool) -> None:
    status, screen = on_a_terminal(TOO_LONG, typed)
    assert "training.max_hours allows 6.0 hours" in screen
    assert "Train anyway? [y/N]" in screen
    assert ("trained without a limit" in screen) is trained
    assert (status == 0) is trained


def test_other_failures_ask_nothing() -> None:
    status, screen = on_a_terminal("qlora_adapter: needs about 99 GB", "y\n")
    assert status != 0
    assert "Train anyway?" not in screen


def test_long_training_stops_where_nobody_can_be_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(failure=TOO_LONG)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert done.returncode != 0
    assert "training.max_hours allows 6.0 hours" in done.stderr
    assert "Train anyway?" not in done.stdout
