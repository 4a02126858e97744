"""Items of OpenAI's Responses API in spans: an answer is one turn, an unsupported item is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.spans.test_span_tools import read

ASK = {"role": "user", "content": "Weather in Lyon?"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Lyon"}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "21 degrees"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look."}]}


def says(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def trace(given: Any, output: Any) -> list[dict[str, Any]]:
    return [{"id": "o1", "traceId": "t1", "type": "GENERATION", "name": "g", "input": given, "output": output}]


def test_items_of_one_answer_are_one_turn(tmp_path: Path) -> None:
    other = CALL | {"call_id": "c2", "arguments": '{"city":"Bonn"}'}
    parts = RESULT | {"call_id": "c2", "output": [{"type": "input_text", "text": "9 degrees"}]}
    history = [ASK, THOUGHT, says("I look."), CALL, other, RESULT, parts]
    run = read(tmp_path, trace(history, [says("First."), says("Warm in Lyon.")]))
    assert isinstance(run, Trajectory), run
    turn = run.messages[1]
    assert (turn.reasoning, turn.text, [call.id for call in turn.tool_calls]) == ("Look.", "I look.", ["c1", "c2"])
    assert [message.text for message in run.messages[2:]] == ["21 degrees", "9 degrees", "First.\n\nWarm in Lyon."]


@pytest.mark.parametrize("output", [{"object": "response", "output": [says("Hi.")]}, [says("Hi.")], "Hi."])
@pytest.mark.parametrize("given", [{"input": "Hello", "instructions": "Be kind."}, {"input": [ASK], "model": "m"}])
def test_request_and_response_of_the_api_are_read(given: Any, output: Any, tmp_path: Path) -> None:
    run = read(tmp_path, trace(given, output))
    assert isinstance(run, Trajectory), run
    assert run.messages[-1].text == "Hi."
    assert [message.role for message in run.messages] == ["system", "user", "assistant"][-len(run.messages) :]


@pytest.mark.parametrize(
    ("given", "output", "said"),
    [
        ([ASK, {"type": "web_search_call", "id": "w"}], [says("x")], "web_search_call"),
        ([ASK, {"type": "custom_tool_call", "name": "f", "input": "x"}], [says("x")], "custom_tool_call"),
        (
            [ASK, {"type": "function_call_output", "call_id": "c", "output": "x"}, {"type": "my secret 1"}],
            [says("x")],
            "is unknown",
        ),
        ([ASK], [CALL, says("after")], "after its tool calls"),
        ({"input": "Hello", "model": "m", "previous_response_id": "resp_1"}, [says("x")], "previous_response_id"),
    ],
)
def test_items_that_the_record_cannot_hold_are_refused_by_name(
    given: Any, output: Any, said: str, tmp_path: Path
) -> None:
    run = read(tmp_path, trace(given, output))
    assert isinstance(run, Rejection)
    assert run.reason in (RejectReason.UNSUPPORTED_CONTENT, RejectReason.LOSSY_EXPORT)
    assert said in run.detail
    assert "secret" not in json.dumps(run.detail)
