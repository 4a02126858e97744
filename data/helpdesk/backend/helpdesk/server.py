"""The desk as an MCP server: `python backend/server.py` over stdio, `--http PORT` over HTTP.

Invariant: standard output carries the protocol and nothing else.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult, TextContent, Tool

from helpdesk.desk import RESET_TOOL, SNAPSHOT_TOOL, Desk
from helpdesk.registry import TOOLS

if TYPE_CHECKING:
    from starlette.applications import Starlette

_STATE_REF = {"type": "object", "properties": {"state_ref": {"type": "string"}}, "required": ["state_ref"]}
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}}


def published_tools() -> list[Tool]:
    """The tools that an agent sees: all but reset and snapshot."""
    return [Tool(name=t.name, description=t.description, inputSchema=t.schema()) for t in TOOLS.values()]


def make_server() -> Server[Any, Any]:
    """A server over a desk of its own."""
    server: Server[Any, Any] = Server("helpdesk")
    desk = Desk()
    tools = [
        *published_tools(),
        Tool(name=RESET_TOOL, description="Rebuild the named state.", inputSchema=_STATE_REF),
        Tool(name=SNAPSHOT_TOOL, description="Show all tables as canonical JSON.", inputSchema=_NOTHING),
    ]

    @server.list_tools()  # type: ignore[no-untyped-call,untyped-decorator]
    async def list_tools() -> list[Tool]:
        return tools

    @server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
    async def call_tool(name: str, arguments: dict[str, Any]) -> CallToolResult:
        answer = desk.call(name, arguments)
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], isError=answer.is_error)

    return server


async def serve_stdio() -> None:
    """Serve one client on standard input and output until it goes."""
    from mcp.server.stdio import stdio_server

    server = make_server()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def make_http_app() -> Starlette:
    """The same server as a streamable HTTP application at /mcp; all its clients share one desk."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(make_server(), json_response=True)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Mount("/mcp", app=manager.handle_request)], lifespan=lifespan)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the client goes (stdio) or the process is ended (HTTP)."""
    parser = argparse.ArgumentParser(description="The help desk as an MCP server.")
    parser.add_argument("--http", type=int, metavar="PORT", help="serve streamable HTTP on 127.0.0.1:PORT")
    port = parser.parse_args(arguments).http
    logging.disable(logging.WARNING)
    if port is None:
        anyio.run(serve_stdio)
    else:
        import uvicorn

        uvicorn.run(make_http_app(), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
