"""A clock that stands still, and a run log by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.run_logs import Clock, open_log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> Iterator[RunLog]:
    opened = open_log(tmp_path, clock)
    yield opened
    opened.close(timeout=HANG_S)
