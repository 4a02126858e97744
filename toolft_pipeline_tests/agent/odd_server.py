"""An MCP server whose tools and results have every shape that the protocol allows."""

from __future__ import annotations

import json
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ImageContent, TextContent, Tool

ANY: dict[str, Any] = {"type": "object"}
STRICT = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
server: Server[Any, Any] = Server("odd")
made: list[str] = []


def text(*parts: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=part) for part in parts])


RESULTS = {
    "two_parts": text("one", "two"),
    "empty": text(),
    "empty_text": text(""),
    "structured": CallToolResult(content=[], structuredContent={"b": 1, "a": "é"}),
    "against_its_schema": CallToolResult(
        content=[TextContent(type="text", text="three")], structuredContent={"total": "three"}
    ),
    "image": CallToolResult(
        content=[ImageContent(type="image", data="AA==", mimeType="image/png"), TextContent(type="text", text="seen")]
    ),
    "fails": CallToolResult(content=[TextContent(type="text", text="the disk is full")], isError=True),
    "fails_with_prefix": CallToolResult(
        content=[TextContent(type="text", text="Error executing tool fails_with_prefix: the disk is full")],
        isError=True,
    ),
    "fails_empty": CallToolResult(content=[], isError=True),
    "json_error": CallToolResult(content=[TextContent(type="text", text='{"error":"gone"}')], isError=True),
}


@server.list_tools()  # type: ignore[no-untyped-call,untyped-decorator]
async def list_tools() -> list[Tool]:
    schemas = {"against_its_schema": STRICT}
    names = [*RESULTS, "echo", "order", "protocol_error"]
    return [Tool(name=name, description=name, inputSchema=ANY, outputSchema=schemas.get(name)) for name in names]


@server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
async def call_tool(name: str, arguments: dict[str, Any]) -> CallToolResult:
    made.append(str(arguments.get("n")))
    if name == "echo":
        return text(json.dumps(arguments, ensure_ascii=False))
    if name == "order":
        await anyio.sleep(0.05)  # calls side by side see each other
        return text(",".join(made))
    return RESULTS[name]


async def main() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
