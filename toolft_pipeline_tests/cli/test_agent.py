"""`toolft agent` and `toolft check-agent` against scripted servers over real sockets."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent import McpServer, ModelServer, open_agent
from toolft_pipeline.agent.check.check_prompts import check_requests
from toolft_pipeline.agent.check.script import TURNS
from toolft_pipeline.cli.agent import check_agent, served_child
from toolft_pipeline.cli.agent.check_agent import CheckOptions, report_lines
from toolft_pipeline.cli.main import run
from toolft_pipeline_tests.agent.scripted import ODD, answer, calls, faulty, scripted, sent

ASSIGN = calls(("assign_ticket", {"ticket": "T-6204", "agent": "Boris"}))
NOTHING_THERE = "http://127.0.0.1:9/v1"


def test_agent_prints_steps_times_and_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(faulty("malformed_tool_call", "no closing brace"), ASSIGN, answer("Done.")) as server:
        status = run(["agent", "helpdesk", "Assign T-6204 to Boris.", "--url", server.address])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert "state desk-eval-9564 (of the first task; --state names another)" in lines[0]
    assert "faulty turn (malformed_tool_call: no closing brace), asked again" in lines[1]
    assert lines[2].endswith('assign_ticket(ticket="T-6204", agent="Boris")')
    assert lines[3].endswith('"agent":"Boris"}')
    assert lines[4].endswith("Done.")
    assert lines[5] == "3 turns, 1 asked again, 1 calls, 3,000 + 60 tokens"
    assert all(part in lines[6] for part in ("model ", "tools ", "framework "))
    assert lines[7].startswith("state.tickets")
    assert lines[7].endswith('-> "Boris"')
    assert server.requests[0][1]["model"] == "helpdesk"


@pytest.mark.parametrize("hidden", [False, True])
def test_faulty_turn_is_asked_again_with_its_error_unless_hidden(hidden: bool) -> None:
    with scripted(faulty("malformed_tool_call", "no closing brace"), answer("Hello.")) as server:
        run(["agent", "helpdesk", "Hello?", "--url", server.address, *(["--hide-error"] if hidden else [])])
    first, again = sent(server)
    assert again == [*first, *([] if hidden else [{"role": "user", "content": "Error: no closing brace"}])]


def test_agent_json_has_the_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(answer("One."), answer("Two.")) as server:
        status = run(
            ["agent", "helpdesk", "First.", "Second.", "--url", server.address, "--json", "--state", "desk-eval-3980"]
        )
    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (document["answer"], document["turns"], document["state_ref"]) == ("Two.", 2, "desk-eval-3980")
    assert document["state_changes"] == []
    assert document["ms"]["total_ms"] >= document["ms"]["model_ms"] > 0
    assert [message["content"] for message in sent(server)[-1]] == ["First.", "One.", "Second."]


def test_agent_acts_on_another_mcp_server(capsys: pytest.CaptureFixture[str]) -> None:
    command = shlex.join(ODD.command)
    with scripted(calls(("echo", {"a": 1})), answer("So it is.")) as server:
        status = run(["agent", "helpdesk", "Echo.", "--url", server.address, "--mcp", command])
    said = capsys.readouterr().out
    assert status == 0
    assert 'echo -> {"a": 1}' in said
    assert "state" not in said, "a server of one's own is neither reset nor looked into"


def test_agent_without_an_answer_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(faulty("length", "cut"), faulty("length", "cut again")) as server:
        status = run(["agent", "helpdesk", "Hello?", "--url", server.address])
    assert status == 1
    assert "no answer: the model's turn cannot be used (length): cut again" in capsys.readouterr().out


def test_agent_says_what_is_wrong_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["agent", "helpdesk", "Hello?", "--url", NOTHING_THERE]) == 1
    assert "no server answers there" in capsys.readouterr().err
    assert run(["agent", "helpdesk", "Hello?", "--url", NOTHING_THERE, "--key-from", "NO_SUCH_KEY"]) == 2
    assert "NO_SUCH_KEY is not set" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "langchain_mcp_adapters.tools", None)
    assert run(["agent", "helpdesk", "Hello?", "--url", NOTHING_THERE]) == 1
    assert "pip install 'toolft_pipeline[agent]'" in capsys.readouterr().err


def test_a_child_server_that_does_not_start_is_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path))
    with (
        pytest.raises(served_child.ServedChildError, match=r"does not start: .*no model is in service"),
        served_child.served_child("helpdesk"),
    ):
        pass


def test_a_child_server_has_the_overrides_of_the_command() -> None:
    with (
        pytest.raises(served_child.ServedChildError, match="nothing_of_this"),
        served_child.served_child("helpdesk", ["serving.nothing_of_this=1"]),
    ):
        pass


class _Letters:
    """Prompts by their characters."""

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        return list(json.dumps(messages, ensure_ascii=False, sort_keys=True).encode())


def test_check_agent_waits_for_an_agent_and_reports(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_agent, "trained_prompter", lambda _settings: _Letters())
    told: list[str] = []
    playing: list[asyncio.Task[None]] = []

    def say(*lines: str) -> None:
        """Point an agent at what the command prints, as a person does."""
        told.extend(lines)
        if lines[0].startswith("model: "):
            model, tools = (line.split()[1] for line in lines[:2])
            playing.append(asyncio.get_running_loop().create_task(play(model, tools)))

    async def play(model: str, tools: str) -> None:
        async with open_agent(ModelServer(url=model), McpServer(url=tools)) as agent:
            await agent.run("Check my prompts.")

    monkeypatch.setattr(check_agent, "say", say)
    assert run(["check-agent", "helpdesk", "--port", "0"]) == 0
    assert told[-1] == "all 6 prompts are those of training"


def test_a_report_names_difference_texts_and_fix() -> None:
    history: list[dict[str, Any]] = [{"role": "user", "content": "Check."}]
    bodies = [{"messages": [*history]}]
    for turn in TURNS[:3]:
        history += [
            turn.message(),
            *[{**result, "content": result["content"].removeprefix("Error: ")} for result in turn.results()],
        ]
        bodies.append({"messages": [*history]})
    lines = list(report_lines(check_requests(bodies, prompter=_Letters(), system=None, policy="keep")))
    assert lines[0].startswith("prompt 1: equals training")
    at = lines.index('  prefix "Error: " missing (message 9 (tool))')
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "training: Error: the disk is full",
        "sent:     the disk is full",
    ]
    assert "training_text" in lines[at + 3]
    assert any("the agent stopped early" in line for line in lines)
    assert lines[-1] == "1 of 4 prompts differ; 3 differences named"


def test_check_agent_needs_the_sources(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path))
    assert run(["check-agent", "helpdesk"]) == 2
    assert "toolft run helpdesk --sources" in capsys.readouterr().err
    assert CheckOptions().port == 8200
