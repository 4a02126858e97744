"""A trace with a tool span without a recorded call is refused in every span format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.small_traces import ASK, SMALL_TRACES, Tool, asked, gave, reply
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines

every_format = pytest.mark.parametrize("format_", SMALL_TRACES)

ONE_CALL = [ASK, asked("c1"), gave("c1"), reply()]


def read(folder: Path, rows: list[dict[str, Any]], **logs: Any) -> Trajectory | Rejection:
    path = folder / "2026-10-01.jsonl"
    path.write_bytes(b"\n".join(as_json_lines(rows)))
    (found,) = Logs([path], agent="desk", key=b"key", settings=LogSettings.model_validate(logs)).runs()
    assert found.run is not None
    return found.run


@every_format
@pytest.mark.parametrize(
    ("said", "tools"),
    [
        ([ASK, reply()], [Tool()]),
        ([ASK, reply()], [Tool(call_id="call_Zoka")]),
        ([ASK, reply()], [Tool(output=None)]),
        ([ASK, reply()], [Tool(name="")]),
        ([ASK, asked("c1"), gave("c1"), reply()], [Tool(call_id="c1"), Tool(name="get_place", call_id="c2")]),
        (
            [ASK, asked("c1"), gave("c1"), reply()],
            [Tool(call_id="c1"), Tool(call_id="c2", arguments={"city": "Bonn"})],
        ),
    ],
    ids=["no call", "an id", "no result", "no name", "another tool beside", "one call more"],
)
def test_tool_that_no_call_asked_for_refuses_the_run(
    format_: str, said: list[dict[str, Any]], tools: list[Tool], tmp_path: Path
) -> None:
    run = read(tmp_path, SMALL_TRACES[format_](said, tools))
    assert isinstance(run, Rejection), run
    assert run.reason is RejectReason.TOOL_WITHOUT_CALL
    assert "get_weather" not in run.detail


@every_format
@pytest.mark.parametrize(
    "tools",
    [
        [],
        [Tool(call_id="c1")],
        [Tool()],
        [Tool(call_id="another tracer's")],
        [Tool(arguments={"input": "{'city': 'Lyon'}"})],
        [Tool(name="functions.get_weather", call_id="x", arguments={})],
        [Tool(name="mcp__weather__GetWeather", arguments={})],
        [Tool(call_id="c1", output="Error: timeout"), Tool(call_id="c1")],
        [Tool(call_id="c1"), Tool(name="http_get", arguments={"url": "x"}, below=0)],
    ],
    ids=["none", "id", "words", "another id", "repr", "scope", "mcp", "retried", "inside a tool"],
)
def test_tool_that_a_call_asked_for_is_no_fault(format_: str, tools: list[Tool], tmp_path: Path) -> None:
    run = read(tmp_path, SMALL_TRACES[format_](ONE_CALL, tools))
    assert isinstance(run, Trajectory), run
    assert len(run.messages) == 4


def test_span_that_mlflow_numbered_is_its_tools(tmp_path: Path) -> None:
    said = [ASK, asked("c1"), gave("c1"), asked("c2", city="Bonn"), gave("c2"), reply()]
    tools = [Tool(name="get_weather_1", arguments={}), Tool(name="get_weather_2", arguments={})]
    assert isinstance(read(tmp_path, SMALL_TRACES["mlflow"](said, tools)), Trajectory)


@every_format
def test_results_go_to_calls_by_every_digit_of_a_long_id(format_: str, tmp_path: Path) -> None:
    ids = (1234567890123456788, 1234567890123456789)
    call = asked("c0", id=ids[0])
    call["tool_calls"] += asked("c1", id=ids[1])["tool_calls"]
    tools = [Tool(arguments={"id": id_}, output=str(id_)) for id_ in reversed(ids)]
    run = read(tmp_path, SMALL_TRACES[format_]([ASK, call], tools))
    assert isinstance(run, Trajectory)
    assert [(message.tool_call_id, message.text) for message in run.messages[2:]] == [
        ("c0", str(ids[0])),
        ("c1", str(ids[1])),
    ]
