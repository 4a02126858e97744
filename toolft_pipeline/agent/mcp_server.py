"""One persistent MCP session for a task, and its tools as LangChain's.

Invariant: a session is opened once and every call of a task goes through it, so the backend keeps its state (the
adapters' `get_tools()` opens a new session for every call). The reset and snapshot tools are never offered to a model.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.sandbox.protocol import SandboxError, SandboxStateError, ToolResult
from toolft_pipeline.sandbox.state import StateTextError, canonical_state
from toolft_pipeline.settings import SandboxSettings

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from mcp import ClientSession

    from toolft_pipeline.sandbox.mcp_stdio import BoundedSession

_URLS = ("http://", "https://")


@dataclass(frozen=True, kw_only=True)
class McpServer:
    """An MCP server that an agent acts on: a command line (stdio) or a URL (streamable HTTP)."""

    command: tuple[str, ...] = ()
    """A first word `python` means the interpreter that runs the agent."""
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of every request to the URL."""
    cwd: Path = Path()
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of the command, in addition to those of this process."""
    reset_tool: str | None = None
    """Tool that restores a named state; no model sees it."""
    snapshot_tool: str | None = None
    """Tool that returns the whole state; no model sees it."""
    volatile: tuple[str, ...] = ()
    """Keys of the state whose values differ from run to run."""
    start_timeout_s: float = 30.0
    call_timeout_s: float = 10.0

    @classmethod
    def of_sandbox(cls, settings: SandboxSettings, *, cwd: Path) -> McpServer:
        """The backend of an agent file."""
        return cls(
            command=settings.command,
            cwd=cwd,
            env=settings.env,
            reset_tool=settings.reset_tool,
            snapshot_tool=settings.snapshot_tool,
            volatile=settings.volatile,
            start_timeout_s=settings.start_timeout_s,
            call_timeout_s=settings.call_timeout_s,
        )

    @classmethod
    def parse(cls, text: str) -> McpServer:
        """A server from one word of a command line: a URL, or a command with its arguments."""
        return cls(url=text) if text.startswith(_URLS) else cls(command=tuple(shlex.split(text)))

    @property
    def label(self) -> str:
        """How messages name the server."""
        return f"MCP server {self.url or f'`{shlex.join(self.command)}`'}"


@dataclass(frozen=True, kw_only=True)
class McpTools:
    """An open session: the tools that a model may call, and the two that it may not."""

    server: McpServer
    session: BoundedSession
    tools: tuple[BaseTool, ...]

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool; a failure of the tool is a result. Raises `SandboxError` if the server has ended or hangs."""
        try:
            return await self.session.call_tool(name, arguments, self.server.call_timeout_s)
        except SandboxError as error:
            raise type(error)(f"{self.server.label}: tool {name}: {error}") from error

    async def reset(self, state_ref: str) -> None:
        """Rebuild the named state. Raises `SandboxStateError` if the server has no tool for it, or refuses."""
        if self.server.reset_tool is None:
            raise SandboxStateError(f"{self.server.label}: no reset tool is named, so its state stays as it is")
        result = await self.call(self.server.reset_tool, {"state_ref": state_ref})
        if result.is_error:
            raise SandboxStateError(
                f"{self.server.label}: {self.server.reset_tool} refused the state {state_ref!r} ({result.text}); "
                "name a state that the backend can rebuild"
            )

    async def snapshot(self) -> str | None:
        """The whole state as canonical JSON text; None where the server has no tool for it."""
        if self.server.snapshot_tool is None:
            return None
        result = await self.call(self.server.snapshot_tool, {})
        try:
            if result.is_error:
                raise StateTextError(result.text)
            return canonical_state(result.text, volatile=self.server.volatile)
        except StateTextError as error:
            raise SandboxStateError(
                f"{self.server.label}: {self.server.snapshot_tool} returned {error}; make it return JSON text"
            ) from error


@asynccontextmanager
async def open_tools(server: McpServer) -> AsyncIterator[McpTools]:
    """Open one session and list its tools. Raises `SandboxError` if the server does not start."""
    with agent_extra():
        from langchain_mcp_adapters.tools import load_mcp_tools

        from toolft_pipeline.sandbox.mcp_stdio import BoundedSession
    opened = False
    with tempfile.TemporaryFile() as log:
        try:
            async with ungrouped(), AsyncExitStack() as stack:
                session = BoundedSession(session=await stack.enter_async_context(_session(server, log)))
                await session.initialize(server.start_timeout_s)
                offered = await load_mcp_tools(session.session)
                hidden = {server.reset_tool, server.snapshot_tool}
                opened = True
                yield McpTools(
                    server=server, session=session, tools=tuple(tool for tool in offered if tool.name not in hidden)
                )
        except Exception as error:
            if opened:
                raise
            raise _start_error(server, log, error) from error


@asynccontextmanager
async def ungrouped() -> AsyncIterator[None]:
    """Raise an error of the block as it is: the session's task groups wrap every one into an exception group."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise _innermost(group) from group.__cause__


@asynccontextmanager
async def _session(server: McpServer, log: BinaryIO) -> AsyncIterator[ClientSession]:
    """A session that is not initialized yet."""
    if server.url is not None:
        with agent_extra():
            from langchain_mcp_adapters.client import MultiServerMCPClient

        connections: dict[str, Any] = {
            "tools": {"transport": "streamable_http", "url": server.url, "headers": server.headers}
        }
        async with MultiServerMCPClient(connections).session("tools", auto_initialize=False) as session:
            yield session
        return
    from toolft_pipeline.sandbox.mcp_stdio import connect

    words = [sys.executable if place == 0 and word == "python" else word for place, word in enumerate(server.command)]
    async with connect(command=words, cwd=server.cwd, env=os.environ | server.env, stderr=log) as opened:
        yield opened.session


def _start_error(server: McpServer, log: BinaryIO, error: Exception) -> SandboxError:
    """Whatever went wrong at the start, as one line with the server's name and the last line that it wrote."""
    size = os.fstat(log.fileno()).st_size
    lines = os.pread(log.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), None)
    said = "" if last is None else f"; stderr ends with: {last}"
    cause = " ".join(str(error).split()) or type(error).__name__
    fix = "check the URL" if server.url else f"run the command by hand in {server.cwd.resolve()}"
    return SandboxError(f"{server.label}: does not start: {cause}{said}; {fix}")


def _innermost(error: BaseException) -> BaseException:
    """The first error that is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
