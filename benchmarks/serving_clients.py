"""Clients of a served model: the openai client, conversations of the help desk's tasks, many at a time; and agents.

Every turn is asked with the gold run's history, so the same requests can be sent to several servers.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.settings import AgentSettings

TIMEOUT_S = 3600.0
NEW_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request and what came back; `error` says why nothing did."""

    prompt: str
    ms: float
    new_tokens: int = 0
    text: str = ""
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Load:
    """What clients asked in a stretch of time, from its start to the last answer."""

    asked: list[Asked]
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens a second."""
        return sum(each.new_tokens for each in self.asked) / self.seconds


@dataclass(frozen=True, kw_only=True)
class ServerUnderTest:
    """A server process, ready."""

    url: str
    model: str
    started: dict[str, float]
    """Seconds of its start."""

    def measured(self) -> dict[str, float]:
        """What it counted so far."""
        with urlopen(self.url.removesuffix("/v1") + "/measured", timeout=TIMEOUT_S) as answer:
            counted: dict[str, float] = json.load(answer)
        return counted


@asynccontextmanager
async def server(folder: Path, *, batch_size: int, threads: int, compute: str) -> AsyncIterator[ServerUnderTest]:
    """A server of the model folder, ended by SIGTERM after the block."""
    command = [sys.executable, "-m", "benchmarks.serving_server", str(folder), str(batch_size), str(threads), compute]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise SystemExit(f"the server did not start: exit status {process.wait()}")
        started = json.loads(line)
        yield ServerUnderTest(url=started.pop("url"), model=started.pop("model"), started=started)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def load(
    at: ServerUnderTest,
    conversations: Iterator[list[list[dict[str, Any]]]],
    *,
    tools: list[dict[str, Any]],
    clients: int,
    seconds: float,
) -> Load:
    """Let so many clients talk; after the time each finishes its turn. A client's turns follow each other."""
    from openai import AsyncOpenAI, OpenAIError

    asked: list[Asked] = []
    began = time.monotonic()

    async def talk(client: AsyncOpenAI) -> None:
        while True:
            for messages in next(conversations):
                if time.monotonic() - began >= seconds:
                    return
                sent, prompt = time.monotonic(), json.dumps(messages)
                try:
                    answer = await client.chat.completions.create(
                        model=at.model,
                        messages=messages,  # type: ignore[arg-type]
                        tools=tools,  # type: ignore[arg-type]
                        max_tokens=NEW_TOKENS,
                        temperature=0,
                    )
                except OpenAIError as error:
                    asked.append(Asked(prompt=prompt, ms=1000 * (time.monotonic() - sent), error=str(error)))
                    print(f"lost: {error}", flush=True)
                    continue
                asked.append(
                    Asked(
                        prompt=prompt,
                        ms=1000 * (time.monotonic() - sent),
                        new_tokens=answer.usage.completion_tokens if answer.usage else 0,
                        text=_text(answer),
                        error=None if answer.choices else "no choice",
                    )
                )

    async with AsyncOpenAI(base_url=at.url, api_key="none", timeout=TIMEOUT_S, max_retries=0) as client:
        await asyncio.gather(*(talk(client) for _ in range(clients)))
    return Load(asked=asked, seconds=time.monotonic() - began)


def _text(answer: Any) -> str:
    """The message without the ids of its calls, which are new every time."""
    message = answer.choices[0].message
    calls = [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    return json.dumps([message.content, calls, answer.choices[0].finish_reason])


async def agents(at: ServerUnderTest, tasks: Sequence[Task], *, settings: AgentSettings) -> dict[str, float]:
    """Whole tasks by LangGraph over MCP, one after the other: shares of time, medians over tasks; the first is no
    one's, because it loads what the others use."""
    from toolft_pipeline.agent.chat_model import ModelServer
    from toolft_pipeline.agent.loop import open_agent
    from toolft_pipeline.agent.mcp_server import McpServer

    assert settings.sandbox is not None
    tools = McpServer.of_sandbox(settings.sandbox, cwd=settings.folder)
    model = ModelServer(url=at.url, model=at.model, max_new_tokens=NEW_TOKENS, timeout_s=TIMEOUT_S)
    rows, sessions = [], []
    for task in tasks:
        began = time.monotonic()
        async with open_agent(model, tools) as agent:
            sessions.append(time.monotonic() - began)
            times = (await agent.run(*task.user_turns, state_ref=task.state_ref)).times
        rows.append(((times.total_ms - times.model_ms - times.tools_ms), times.tools_ms, times.total_ms))
    rows, sessions = rows[1:], sessions[1:]
    return {
        "agent_tasks": float(len(rows)),
        "agent_framework_share": median(framework / total for framework, _, total in rows),
        "agent_tools_share": median(tool / total for _, tool, total in rows),
        "agent_mcp_sessions_per_task": len(sessions) / len(rows),
        "agent_mcp_session_start_s": median(sessions),
    }
