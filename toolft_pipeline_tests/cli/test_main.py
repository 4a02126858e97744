from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

DAY = REPOSITORY / "data" / "helpdesk" / "logs" / "2026-10-03.jsonl"


def test_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`toolft lint FILE --json | head -1`, with the pipe closed before the first byte."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "toolft_pipeline.cli", "lint", str(DAY), "--json"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
