"""The server as a real process, over stdio and over HTTP, against the desk in this process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import anyio
import httpx
import pytest
from helpdesk.client import COMMAND, McpDesk, open_mcp_desk
from helpdesk.desk import Desk
from helpdesk.server import published_tools
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

TASKS = load_tasks(REPOSITORY / "data" / "helpdesk" / "tasks.jsonl")


@pytest.fixture(scope="module")
def remote() -> Iterator[McpDesk]:
    with open_mcp_desk() as desk:
        yield desk


@pytest.fixture
def address() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([*COMMAND, "--http", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + HANG_S
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/", timeout=1)
                break
            except httpx.TransportError:
                assert server.poll() is None, server.stdout and server.stdout.read()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp/"
    finally:
        server.terminate()
        server.wait(HANG_S)


def test_stdio_answers_what_the_desk_answers_in_process(remote: McpDesk) -> None:
    local = Desk()
    for task in TASKS[::6]:
        remote.reset(task.state_ref)
        local.reset(task.state_ref)
        for call in task.plan:
            assert remote.call(call.name, call.arguments) == local.call(call.name, call.arguments)
        assert remote.snapshot() == local.snapshot()


def test_stdio_refuses_an_unknown_state(remote: McpDesk) -> None:
    with pytest.raises(ValueError, match="desk-eval-0001"):
        remote.reset("yesterday")


def test_stdio_says_nothing_but_the_protocol() -> None:
    server = subprocess.run([sys.executable, *COMMAND[1:]], input=b"", capture_output=True, timeout=HANG_S, check=True)
    assert (server.stdout, server.stderr) == (b"", b"")


def test_http_serves_the_same_tools_and_answers(address: str) -> None:
    async def visit() -> None:
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
            assert names == {tool.name for tool in published_tools()} | {"desk_reset", "desk_snapshot"}
            local = Desk()
            local.reset("desk-log-0001")
            await session.call_tool("desk_reset", {"state_ref": "desk-log-0001"})
            snapshot = await session.call_tool("desk_snapshot", {})
            assert snapshot.content[0].text == local.snapshot()
            refused = await session.call_tool("get_order", {"order": "O-0001"})
            assert (refused.isError, refused.content[0].text) == (True, "no order O-0001")

    anyio.run(visit)
