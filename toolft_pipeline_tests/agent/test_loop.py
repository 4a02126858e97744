"""The loop against a scripted model over a real socket, on real MCP processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.agent import McpServer
from toolft_pipeline.agent.steps import Step
from toolft_pipeline.sandbox.protocol import SandboxError, SandboxStateError
from toolft_pipeline_tests.agent.scripted import HELPDESK, ODD, answer, calls, faulty, run, sent

STATE = "desk-eval-9564"
TICKETS = calls(("get_ticket", {"ticket": "T-6204"}), ("get_ticket", {"ticket": "T-6206"}), text="Let me look.")


def test_a_task_on_the_help_desk_ends_in_its_state() -> None:
    seen: list[Step] = []
    assign = calls(("assign_ticket", {"ticket": "T-6204", "agent": "Boris"}))
    done, server = run(
        [TICKETS, answer("Here you are."), assign, answer("Done.")],
        "Who has T-6204 and T-6206?",
        "Assign the first to Boris.",
        state_ref=STATE,
        on_step=seen.append,
    )
    first, _, third, last = sent(server)
    assert done.answer == "Done."
    assert done.failure is None
    assert first == [{"role": "user", "content": "Who has T-6204 and T-6206?"}]
    assert [message["role"] for message in third] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert third[1]["content"] == "Let me look."
    assert [json.loads(message["content"])["status"] for message in third[2:4]] == ["open", "open"]
    assert json.loads(last[-1]["content"])["agent"] == "Boris"
    assert tuple(seen) == done.steps
    assert len(done.steps) == 4 + 3
    before, after = json.loads(done.state_before or ""), json.loads(done.state_after or "")
    assert [table for table in before if before[table] != after[table]] == ["tickets"]


def test_reset_and_snapshot_tools_are_never_offered() -> None:
    _, server = run([answer("Hello.")], "Hello?", state_ref=STATE)
    (_, body), = server.requests  # fmt: skip
    names = {tool["function"]["name"] for tool in body["tools"]}
    assert len(names) == 48
    assert not names & {"desk_reset", "desk_snapshot"}


def test_a_failed_call_has_the_text_of_training() -> None:
    _, server = run([calls(("get_ticket", {"ticket": "T-0000"})), answer("There is none.")], "T-0000?", state_ref=STATE)
    assert sent(server)[-1][-1]["content"].startswith("Error: ")


RESULTS = {
    "two_parts": "one\ntwo",
    "empty": "",
    "empty_text": "",
    "structured": '{"b":1,"a":"é"}',
    "against_its_schema": "three",
    "image": "seen",
    "fails": "Error: the disk is full",
    "fails_with_prefix": "Error: the disk is full",
    "fails_empty": "Error: ",
    "json_error": 'Error: {"error":"gone"}',
}


def test_a_result_of_any_shape_is_one_text() -> None:
    _, server = run([calls(*[(tool, {}) for tool in RESULTS]), answer("So it is.")], "Try all.", tools=ODD)
    results = [message["content"] for message in sent(server)[-1] if message["role"] == "tool"]
    assert dict(zip(RESULTS, results, strict=True)) == RESULTS


def test_arguments_reach_the_backend_as_written() -> None:
    arguments = {
        "runtime": "r", "config": {"z": [1, [2, {"a": None}]]}, "run_manager": 10**20, "é": "☃\u2028", "state": 1.10,
    }  # fmt: skip
    _, server = run([calls(("echo", arguments)), answer("So it is.")], "Echo.", tools=ODD)
    made, echoed = sent(server)[-1][-2:]
    written = json.dumps(arguments, ensure_ascii=False)
    assert echoed["content"] == written
    assert made["tool_calls"][0]["function"]["arguments"] == written


def test_calls_of_a_turn_are_made_one_after_another() -> None:
    _, server = run([calls(*[("order", {"n": n}) for n in (1, 2, 3)]), answer("Done.")], "Go.", tools=ODD)
    assert [message["content"] for message in sent(server)[-1][-3:]] == ["1", "1,2", "1,2,3"]


def test_an_unknown_tool_refuses_all_calls_of_its_turn() -> None:
    turn = calls(("echo", {"a": 1}), ("desk_reset", {}), ("order", {"n": 1}))
    done, server = run([turn, answer("Sorry.")], "Go.", tools=ODD)
    assert [message["content"] for message in sent(server)[-1][-3:]] == ["Error: unknown tool desk_reset"] * 3
    assert done.answer == "Sorry."


@pytest.mark.parametrize("show_error", [False, True])
def test_a_faulty_turn_is_asked_again_once(show_error: bool, caplog: pytest.LogCaptureFixture) -> None:
    kinds = ("length", "malformed_tool_call", "unknown_tool", "tool_choice")
    turns = [turn for kind in kinds for turn in (faulty(kind, f"{kind}: why", "<tool_call>{"), answer(kind))]
    done, server = run(turns, *kinds, tools=ODD, show_error=show_error)
    requests = sent(server)
    assert done.answer == kinds[-1]
    assert done.n_retries == len(kinds)
    for place, kind in enumerate(kinds):
        first, again = requests[2 * place : 2 * place + 2]
        assert again == [*first, *([{"role": "user", "content": f"Error: {kind}: why"}] if show_error else [])]
        assert [message["content"] for message in first] == [
            each for kind in kinds[:place] for each in (kind, kind)
        ] + [kind], "a retry leaves no trace in the history"
        fault = done.turns[2 * place].fault
        assert fault is not None
        assert (fault.kind, fault.text) == (kind, "<tool_call>{")
        assert f"{kind}: why" in caplog.text
    assert [body["temperature"] > 0 for _, body in server.requests] == [False, True] * len(kinds)


def test_a_turn_that_stays_faulty_ends_the_task() -> None:
    done, server = run([faulty("length", "cut"), faulty("malformed_tool_call", "no brace")], "Echo.", tools=ODD)
    assert done.answer is None
    assert "malformed_tool_call" in str(done.failure)
    assert "no brace" in str(done.failure)
    assert len(server.requests) == 2
    assert done.n_retries == 1
    assert len(done.turns) == 2
    assert sent(server)[1][-1] == {"role": "user", "content": "Error: cut"}, "the error is shown by default"


def test_what_other_servers_make_of_a_bad_call_is_a_fault() -> None:
    in_text = {"content": 'Sure. <tool_call>{"name": "echo", "arguments": {}', "finish_reason": "stop"}
    function = {"name": "echo", "arguments": '{"a": '}
    no_json = {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    done, server = run([in_text, answer("One."), no_json, answer("Two.")], "First.", "Second.", tools=ODD)
    assert done.n_retries == 2
    assert done.answer == "Two."
    assert len(server.requests) == 4
    said = [message["content"] for message in sent(server)[-1]]
    assert said == ["First.", "One.", "Second.", "Error: the arguments of echo are not JSON"]  # no faulty turn


def test_the_turn_limit_ends_a_task() -> None:
    done, server = run([calls(("echo", {}))] * 3, "Echo.", tools=ODD, max_turns=3)
    assert len(server.requests) == 3
    assert "3 assistant turns" in str(done.failure)


def test_times_add_up() -> None:
    done, _ = run([calls(("order", {"n": 1})), answer("Done.")], "Go.", tools=ODD)
    times = done.times
    assert times.tools_ms >= 50
    assert times.model_ms > 0
    assert times.total_ms == pytest.approx(times.model_ms + times.tools_ms + times.framework_ms)
    assert done.tokens == (2000, 40)


def test_all_requests_of_a_task_name_one_conversation() -> None:
    done, server = run([calls(("echo", {})), answer("One."), answer("Two.")], "First.", "Second.", tools=ODD)
    other, _ = run([answer("One.")], "First.", tools=ODD)
    named = [{key.lower(): value for key, value in headers.items()} for headers, _ in server.requests]
    assert {headers["x-conversation-id"] for headers in named} == {done.conversation_id}
    assert other.conversation_id != done.conversation_id


def test_a_server_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    broken = McpServer(command=("python", "-c", "import sys; sys.exit('no database')"), cwd=tmp_path)
    with pytest.raises(SandboxError, match=r"does not start: .*no database.*run the command by hand") as error:
        run([], "Hello?", tools=broken)
    assert "\n" not in str(error.value)


def test_a_url_without_a_server_is_one_line() -> None:
    with pytest.raises(SandboxError, match=r"http://127\.0\.0\.1:9/mcp: does not start: .*; check the URL"):
        run([], "Hello?", tools=McpServer(url="http://127.0.0.1:9/mcp"))


def test_an_unknown_state_is_refused_before_the_model_is_asked() -> None:
    with pytest.raises(SandboxStateError, match="refused the state 'nowhere'"):
        run([], "Hello?", tools=HELPDESK, state_ref="nowhere")
