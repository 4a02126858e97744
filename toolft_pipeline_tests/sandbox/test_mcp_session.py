from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.sandbox.protocol import (
    SandboxCrashedError,
    SandboxError,
    SandboxStateError,
    SandboxTimeoutError,
    ToolResult,
)
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline_tests.sandbox.conftest import Settings, is_alive

Living = Callable[[], list[int]]


def test_call_result_and_state_come_back_as_text(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        assert sandbox.call("note", {"text": "é", "tag": "t"}) == ToolResult(
            text='{"notes": 1, "text": "\\u00e9"}', is_error=False
        )
        assert sandbox.snapshot() == '{"name":"a","notes":[["é","t"]],"pid":null}'


def test_call_with_explicit_null_reaches_the_tool_as_null(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        sandbox.call("note", {"text": None, "tag": None})
        assert '"notes":[[null,null]]' in sandbox.snapshot()


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("note", {"text": "forbidden"}, "Error: this text is forbidden"),
        ("nothing", {}, "Error: Unknown tool: nothing"),
        ("note", {}, "Error: 1 validation error for noteArguments"),
    ],
)
def test_call_that_fails_is_a_result_without_the_sdk_prefix(
    backend: Settings, tmp_path: Path, name: str, arguments: dict[str, object], text: str
) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        result = sandbox.call(name, arguments)
    assert result.is_error
    assert result.text.startswith(text)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "arguments",
    [{"text": "\ud800"}, {"text": float("nan")}, {"text": 10**5000}, *(nested(depth) for depth in (100, 5000))],
)
def test_arguments_that_are_no_json_give_an_error_result(
    backend: Settings, tmp_path: Path, arguments: dict[str, Any]
) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        assert sandbox.call("note", arguments).text.startswith("Error: the arguments cannot be sent as JSON (")
        assert sandbox.snapshot() == '{"name":"a","notes":[],"pid":null}'


def test_reset_twice_gives_equal_states(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        fresh = sandbox.snapshot()
        sandbox.call("note", {"text": "x"})
        assert sandbox.snapshot() != fresh
        sandbox.reset("a")
        assert sandbox.snapshot() == fresh


def test_large_result_passes_whole(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend("chatty"), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        assert len(sandbox.call("note", {"text": "x" * 1_000_000}).text) > 1_000_000


def test_crashed_server_is_reported_and_reset_restarts_it(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        with pytest.raises(SandboxCrashedError, match=r"backend\.py.*tool die.*stderr ends with: disk on fire"):
            sandbox.call("die", {})
        with pytest.raises(SandboxCrashedError, match="call reset to restart it"):
            sandbox.call("note", {"text": "x"})
        sandbox.reset("b")
        assert '"name":"b"' in sandbox.snapshot()


def test_server_that_ended_while_nobody_asked_is_restarted_by_reset(
    backend: Settings, living: Living, tmp_path: Path
) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        (server,) = living()
        os.kill(server, signal.SIGKILL)  # as an out-of-memory killer does
        while living():
            time.sleep(0.01)
        sandbox.reset("b")
        assert '"name":"b"' in sandbox.snapshot()


def test_hanging_server_is_killed_and_reset_restarts_it(backend: Settings, living: Living, tmp_path: Path) -> None:
    with open_sandbox(backend(call_timeout_s=4.0), cwd=tmp_path) as sandbox:
        sandbox.reset("a")
        with pytest.raises(SandboxTimeoutError, match="tool hang: no answer within 4 s"):
            sandbox.call("hang", {})
        assert living() == []
        sandbox.reset("b")
        assert len(living()) == 1


def test_calls_between_resets_share_one_time_budget(backend: Settings, tmp_path: Path) -> None:
    def many_calls(sandbox: McpSandbox) -> None:
        for _ in range(100):
            sandbox.call("note", {"text": "x"})

    with (
        open_sandbox(backend(trajectory_timeout_s=0.001), cwd=tmp_path) as sandbox,
        pytest.raises(SandboxTimeoutError),
    ):
        many_calls(sandbox)


def test_unknown_state_is_refused_and_the_server_goes_on(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        with pytest.raises(SandboxStateError, match=r"refused the state 'unknown' \(Error: no such state\)"):
            sandbox.reset("unknown")
        sandbox.reset("a")


def test_snapshot_that_is_no_json_is_refused(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        sandbox.reset("opaque")
        with pytest.raises(SandboxStateError, match="make it return JSON text"):
            sandbox.snapshot()


def test_list_tools_shows_the_pipelines_own_tools_too(backend: Settings, tmp_path: Path) -> None:
    with open_sandbox(backend(), cwd=tmp_path) as sandbox:
        assert [tool["name"] for tool in sandbox.list_tools()][:3] == ["sandbox_reset", "sandbox_snapshot", "note"]


def test_close_ends_the_server_and_its_children(backend: Settings, living: Living, tmp_path: Path) -> None:
    sandbox = McpSandbox(backend("stubborn"), cwd=tmp_path)
    child = int(sandbox.call("spawn", {}).text)
    assert is_alive(child)
    sandbox.close()
    sandbox.close()
    assert living() == []
    assert not is_alive(child)


def test_server_that_hangs_at_start_is_one_error_and_is_killed(
    backend: Settings, living: Living, tmp_path: Path
) -> None:
    with pytest.raises(
        SandboxError, match=r"within 3 s \(sandbox\.start_timeout_s; raise it.*; run the command by"
    ) as caught:
        McpSandbox(backend("hang", start_timeout_s=3.0), cwd=tmp_path)
    assert "\n" not in str(caught.value)
    assert type(caught.value) is SandboxError
    assert living() == []


def test_server_that_ends_at_start_says_what_its_stderr_has(backend: Settings, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"stderr ends with: database is locked; run the command by hand"):
        McpSandbox(backend("fail"), cwd=tmp_path)


@pytest.mark.parametrize("command", [("no-such-command-here",), ("cat",)])
def test_command_that_is_no_server_is_one_line_with_the_fix(tmp_path: Path, command: tuple[str, ...]) -> None:
    with pytest.raises(SandboxError, match=rf"{command[0]}.*fix sandbox\.command in the agent file") as caught:
        McpSandbox(SandboxSettings(command=command), cwd=tmp_path)
    assert "\n" not in str(caught.value)


def test_command_in_a_folder_that_is_gone_is_one_line(backend: Settings, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be started"):
        McpSandbox(backend(), cwd=tmp_path / "gone")
