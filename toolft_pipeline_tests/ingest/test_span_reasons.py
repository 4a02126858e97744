"""Span formats explain rejections, and an error in an unused field loses no run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.small_traces import ASK, SMALL_TRACES, reply

every_format = pytest.mark.parametrize("format_", SMALL_TRACES)


def runs(folder: Path, rows: list[Any], format_: str) -> list[Trajectory | Rejection | None]:
    path = folder / "2026-10-01.jsonl"
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
    settings = LogSettings.model_validate({"format": format_})
    return [found.run for found in Logs([path], agent="desk", key=b"key", settings=settings).runs()]


@every_format
def test_nan_in_a_key_that_is_not_read_loses_no_run(format_: str, tmp_path: Path) -> None:
    rows = [
        {**row, "loss": float("nan"), "usage": {"cost": float("inf")}} for row in SMALL_TRACES[format_]([ASK, reply()])
    ]
    (run,) = runs(tmp_path, rows, format_)
    assert isinstance(run, Trajectory), run


@every_format
def test_line_with_a_trailing_comma_is_no_line_that_breaks_off(format_: str, tmp_path: Path) -> None:
    line = json.dumps(SMALL_TRACES[format_]([ASK, reply()])[0]).encode()
    (run,) = runs(tmp_path, [line + b","], format_)
    assert isinstance(run, Rejection)
    assert run.reason is RejectReason.MALFORMED_JSON
    assert "comma" in run.detail


@every_format
def test_role_and_part_that_are_unknown_are_named(format_: str, tmp_path: Path) -> None:
    (run,) = runs(tmp_path, SMALL_TRACES[format_]([{**ASK, "role": "moderator"}, reply()]), format_)
    assert isinstance(run, Rejection)
    assert "`moderator`" in run.detail
    said = {"role": "assistant", "content": [{"type": "hologram"}]}
    (run,) = runs(tmp_path, SMALL_TRACES[format_]([ASK, said]), format_)
    assert isinstance(run, Rejection)
    assert "`hologram`" in run.detail
