"""A scripted model over a real socket, and the backends that agents of the tests act on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolft_pipeline.agent import AgentRun, LoopOptions, McpServer, ModelServer, open_agent
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.openai_server import Message, Server, serving

HELPDESK = McpServer(
    command=(sys.executable, "backend/server.py"),
    cwd=REPOSITORY / "data" / "helpdesk",
    reset_tool="desk_reset",
    snapshot_tool="desk_snapshot",
    start_timeout_s=600.0,
    call_timeout_s=600.0,
)
ODD = McpServer(
    command=(sys.executable, str(Path(__file__).parent / "odd_server.py")), start_timeout_s=600.0, call_timeout_s=600.0
)


def calls(*made: tuple[str, dict[str, Any]], text: str | None = None) -> Message:
    """An assistant turn with calls."""
    return {
        "content": text,
        "finish_reason": "tool_calls",
        "tool_calls": [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
            }
            for number, (name, arguments) in enumerate(made)
        ],
    }


def answer(text: str) -> Message:
    """An assistant turn that says something."""
    return {"content": text}


def faulty(kind: str, detail: str, text: str = "") -> Message:
    """A faulty turn as our server reports it."""
    return {
        "content": None,
        "finish_reason": kind,
        "tool_call_error": {"kind": kind, "detail": detail, "text": text},
    }


@contextmanager
def scripted(*turns: Message) -> Iterator[Server]:
    """A server that says these turns one after another."""
    left = list(turns)
    with serving(Server(answer=lambda _messages: dict(left.pop(0)))) as server:
        yield server


def sent(server: Server) -> list[list[Message]]:
    """The messages of every request."""
    return [body["messages"] for _, body in server.requests]


def run(
    turns: Sequence[Message],
    *user_turns: str,
    tools: McpServer = HELPDESK,
    state_ref: str | None = None,
    **options: Any,
) -> tuple[AgentRun, Server]:
    """One task of the loop against scripted turns."""

    async def work(url: str) -> AgentRun:
        async with open_agent(ModelServer(url=url), tools, LoopOptions(**options)) as agent:
            return await agent.run(*user_turns, state_ref=state_ref)

    with scripted(*turns) as server:
        return asyncio.run(work(server.address)), server
