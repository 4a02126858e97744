"""A span's message with calls under an unknown key is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.small_traces import ASK, SMALL_TRACES, reply
from toolft_pipeline_tests.ingest.spans.test_span_tools import read

INVOCATION = {"state": "result", "toolCallId": "c1", "toolName": "get_weather", "args": {"city": "Lyon"}}


@pytest.mark.parametrize("format_", SMALL_TRACES)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("toolInvocations", [INVOCATION]),
        ("toolCalls", [{"name": "get_weather", "arguments": "{}"}]),
        ("functionCall", {"name": "get_weather", "args": {}}),
    ],
)
def test_calls_under_an_unknown_key_are_refused(format_: str, key: str, value: Any, tmp_path: Path) -> None:
    run = read(tmp_path, SMALL_TRACES[format_]([ASK, {**reply(), key: value}]))
    assert isinstance(run, Rejection), run
    assert run.reason is RejectReason.UNSUPPORTED_CONTENT
    assert key in run.detail


@pytest.mark.parametrize("format_", SMALL_TRACES)
@pytest.mark.parametrize("beside", [{"toolCalls": []}, {"toolResults": None}, {"content": 'He said "toolCalls": 3'}])
def test_key_that_holds_no_call_is_no_fault(format_: str, beside: dict[str, Any], tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, SMALL_TRACES[format_]([ASK, {**reply(), **beside}])), Trajectory)
