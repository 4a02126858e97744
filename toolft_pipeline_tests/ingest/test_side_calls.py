"""Model calls that are not the agent's turns are left out only by their names or models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.small_traces import ASK, SMALL_TRACES, asked, gave, reply
from toolft_pipeline_tests.ingest.spans.test_span_tools import read

RUN = [ASK, asked("c1"), gave("c1"), reply()]
TITLE = [{"role": "user", "content": "Make a title: Is it sunny?"}, reply("Weather")]


def with_title(format_: str, title: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The agent's trace and a call `title` of the model `title-1` in it."""
    rows, more = SMALL_TRACES[format_](RUN), SMALL_TRACES[format_](title, name="title")
    if format_ == "mlflow":
        added = [span | {"span_id": "x1"} for span in more[0]["data"]["spans"][1:]]
        rows[0]["data"]["spans"] += added
    elif format_ == "otel":
        spans = more[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
        rows[0]["resourceSpans"][0]["scopeSpans"][0]["spans"] += [span | {"spanId": "x1"} for span in spans[1:]]
    else:
        rows += [row | {"id": "x1"} for row in more[1:]]
    return rows


@pytest.mark.parametrize("format_", SMALL_TRACES)
@pytest.mark.parametrize("pattern", ["title", "TITLE-*", "t*"])
def test_side_call_is_left_out_by_name_or_model(format_: str, pattern: str, tmp_path: Path) -> None:
    run = read(tmp_path, with_title(format_, TITLE), side_calls=["guard*", pattern])
    assert isinstance(run, Trajectory), run
    assert [message.text for message in run.messages] == [ASK["content"], "", "clear sky", "It is sunny in Lyon."]


@pytest.mark.parametrize("format_", SMALL_TRACES)
def test_unlisted_side_call_is_refused_with_the_setting(format_: str, tmp_path: Path) -> None:
    run = read(tmp_path, with_title(format_, TITLE), side_calls=["guard*"])
    assert isinstance(run, Rejection)
    assert run.reason is RejectReason.DOES_NOT_CHAIN
    assert "logs.side_calls" in run.detail


def test_side_call_that_cannot_be_read_is_left_out_too(tmp_path: Path) -> None:
    rows = with_title("langfuse", TITLE)
    rows[-1]["input"] = "Make a title of one flattened text"
    assert isinstance(read(tmp_path, rows), Rejection)
    assert isinstance(read(tmp_path, rows, side_calls=["title"]), Trajectory)
