"""Waits for processes that are nobody's children here; one that only waits to be reaped has ended."""

from __future__ import annotations

import os
import select

from toolft_pipeline_tests.conftest import HANG_S


def wait_for_end(pid: int) -> None:
    """Return when the process has ended; fails after the suite's limit for hangs."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([watched], [], [], HANG_S)[0], f"process {pid} still runs"
    finally:
        os.close(watched)
