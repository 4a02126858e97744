"""An MCP server as a child process: the asynchronous part of the session, on the official SDK.

Invariant: when the context ends, every process of the server's group has ended, whatever the server was doing. The
SDK's own stdio client does not expose the process, so the transport here starts and ends it. A tool's result has one
text, whoever calls: replays, rollouts and the served agent all take it from `BoundedSession.call_tool`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import anyio
from anyio.abc import Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import ClientSession, McpError
from mcp.shared.message import SessionMessage
from mcp.types import (
    CONNECTION_CLOSED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ClientRequest,
    JSONRPCMessage,
    PaginatedRequestParams,
    Tool,
)
from pydantic import ValidationError

from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.sandbox.protocol import SandboxCrashedError, SandboxTimeoutError, ToolResult, failure_text

_GRACE_S = 1.0
"""Seconds for a server to exit after its input is closed; then its process group is killed."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class BoundedSession:
    """A session with a server. Every request has a time limit; a broken connection is a `SandboxCrashedError`."""

    session: ClientSession

    async def initialize(self, timeout_s: float) -> None:
        """The MCP handshake."""
        await _bounded(self.session.initialize, timeout_s)

    async def list_tools(self, timeout_s: float) -> list[Tool]:
        """All pages of `tools/list`."""

        async def pages() -> list[Tool]:
            tools, params = [], None
            while True:
                page = await self.session.list_tools(params=params)
                tools += page.tools
                if page.nextCursor is None:
                    return tools
                params = PaginatedRequestParams(cursor=page.nextCursor)

        return await _bounded(pages, timeout_s)

    async def call_tool(self, name: str, arguments: dict[str, Any], timeout_s: float) -> ToolResult:
        """Call a tool without the SDK's check of structured output, because results are compared as text.

        A failure of the tool is a result whose text starts with "Error: ", and so are arguments that JSON cannot
        represent (a lone surrogate, NaN, nested too deep).
        """
        request = ClientRequest(CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments)))
        try:
            _check_sendable([name, arguments])
            raw = await _bounded(lambda: self.session.send_request(request, CallToolResult), timeout_s)
        except McpError as error:  # a server may answer with a protocol error instead of a result
            return ToolResult(text=failure_text(name, error.error.message), is_error=True)
        except (ValueError, RecursionError) as error:
            return ToolResult(text=f"Error: the arguments cannot be sent as JSON ({error})", is_error=True)
        return tool_result(name, raw)


def tool_result(name: str, raw: CallToolResult) -> ToolResult:
    """The text that a model sees: the text blocks, one per line; compact JSON of structured content if there is none.

    A failure has one form, with or without the server's own prefix.
    """
    texts = [block.text for block in raw.content if block.type == "text"]
    text = "\n".join(texts)
    if not texts and raw.structuredContent is not None:
        text = json.dumps(raw.structuredContent, separators=(",", ":"), ensure_ascii=False)
    return ToolResult(text=failure_text(name, text) if raw.isError else text, is_error=bool(raw.isError))


@asynccontextmanager
async def connect(
    *, command: Sequence[str], cwd: Path, env: dict[str, str], stderr: BinaryIO
) -> AsyncIterator[BoundedSession]:
    """Start a server in its own process group. Raises `OSError` if the command cannot be started."""
    process = await anyio.open_process(command, stderr=stderr, cwd=cwd, env=env, start_new_session=True)
    to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](16)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process, to_session)
            tasks.start_soon(_write, process, from_session)
            async with ClientSession(from_server, to_server) as session:
                yield BoundedSession(session=session)
            with anyio.CancelScope(shield=True):
                await _close_gracefully(process)
            tasks.cancel_scope.cancel()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.wait()


async def _read(process: Process, to_session: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    """Server to session, one message per line; skips lines that are no message, such as a stray print."""
    assert process.stdout is not None
    rest = b""
    async with to_session:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for chunk in process.stdout:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    with suppress(ValidationError):
                        await to_session.send(SessionMessage(JSONRPCMessage.model_validate_json(line)))


async def _write(process: Process, from_session: MemoryObjectReceiveStream[SessionMessage]) -> None:
    """Session to server; stops if the server has ended, which the reader reports to the session."""
    assert process.stdin is not None
    async with from_session:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            async for message in from_session:
                text = message.message.model_dump_json(by_alias=True, exclude_none=True)
                await process.stdin.send(text.encode() + b"\n")


def _check_sendable(value: object) -> None:
    """Raise `ValueError` for what servers would skip as a bad line, and for NaN, which the SDK writes as null."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    if is_too_deep(text):
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")


async def _close_gracefully(process: Process) -> None:
    """Close the server's input and wait a moment for it to exit."""
    assert process.stdin is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await process.stdin.aclose()
    with anyio.move_on_after(_GRACE_S):
        await process.wait()


async def _bounded(work: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    try:
        with anyio.fail_after(timeout_s):
            return await work()
    except TimeoutError as error:
        raise SandboxTimeoutError(f"no answer within {timeout_s:g} s") from error
    except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
        raise SandboxCrashedError("the connection is closed") from error
    except McpError as error:
        if error.error.code == CONNECTION_CLOSED:
            raise SandboxCrashedError("the connection was closed") from error
        raise
