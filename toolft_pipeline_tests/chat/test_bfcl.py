"""Real runs that are not ours in every chat format: BFCL's multi-turn sets, each row's own tools in the prompt."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline_tests.chat.families import Family, refuted
from toolft_pipeline_tests.test_bfcl import LOGS

EVERY = int(os.environ.get("TOOLFT_BFCL_EVERY", "20"))
"""Every twentieth of the 200 rows (about a second a format); 1 is all of them."""

pytestmark = pytest.mark.skipif(
    not LOGS.is_dir(), reason=f"{LOGS}: not there; TOOLFT_BFCL_LOGS names the folder of the executed BFCL runs"
)


def logged() -> Iterator[tuple[Trajectory, list[dict[str, Any]]]]:
    lines = [
        line for path in sorted(LOGS.glob("*.jsonl.gz")) for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    for number, line in enumerate(lines[::EVERY]):
        run = read_openai_line(line, agent="bfcl", source=Source(file="", line=number, offset=0, format="openai"))
        assert isinstance(run, Trajectory)
        yield run, json.loads(line)["tools"]


def test_bfcl_rows_are_proven_with_their_tools_in_the_prompt(family: Family) -> None:
    rows = 0
    for run, tools in logged():
        report = family.proven(run, mode=CatalogMode.FULL, tools=tools)
        assert refuted(report) == []
        rows += report.results["loss_mask"].rows_checked
    assert rows == 200 // EVERY
