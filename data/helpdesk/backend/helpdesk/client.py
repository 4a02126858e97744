"""The desk reached the way any user's agent reaches it: an MCP server process over stdio.

Invariant: the process ends with the context.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest

from helpdesk.desk import RESET_TOOL, SNAPSHOT_TOOL, Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COMMAND = (sys.executable, str(Path(__file__).parents[1] / "server.py"))


class Backend(Protocol):
    """A desk, in this process or another."""

    def reset(self, state_ref: str) -> None:
        """Rebuild the named world."""

    def call(self, name: str, arguments: dict[str, Any]) -> Answer:
        """Call one tool."""

    def snapshot(self) -> str:
        """All tables as canonical JSON."""


class McpDesk:
    """A desk behind an MCP session, called in plain synchronous code."""

    def __init__(self, portal: BlockingPortal, session: ClientSession) -> None:
        self._portal, self._session = portal, session

    def reset(self, state_ref: str) -> None:
        """Rebuild the named world. Raises `ValueError` for a name that the server does not know."""
        answer = self.call(RESET_TOOL, {"state_ref": state_ref})
        if answer.is_error:
            raise ValueError(answer.text)

    def call(self, name: str, arguments: dict[str, Any]) -> Answer:
        """Call one tool."""
        request = ClientRequest(CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments)))
        result = self._portal.call(partial(self._session.send_request, request, CallToolResult))
        text = "\n".join(block.text for block in result.content if block.type == "text")
        return Answer(text=text, is_error=bool(result.isError))

    def snapshot(self) -> str:
        """All tables as canonical JSON."""
        return self.call(SNAPSHOT_TOOL, {}).text


@contextmanager
def open_mcp_desk() -> Iterator[McpDesk]:
    """A server process and a session with it, for the length of a `with` block."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_session()) as session:
        yield McpDesk(portal, session)


def _session() -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened() -> AsyncIterator[ClientSession]:
        parameters = StdioServerParameters(command=COMMAND[0], args=list(COMMAND[1:]))
        async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session

    return opened()
