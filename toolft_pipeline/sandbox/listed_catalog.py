"""The catalog that a backend's MCP server lists."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.sandbox.mcp_session import open_sandbox
from toolft_pipeline.settings import SandboxSettings


def listed_catalog(settings: SandboxSettings, *, cwd: Path) -> Catalog:
    """Catalog of `tools/list`, with the reset and snapshot tools.

    Raises `SandboxError` if the server does not start, `CatalogError` for invalid tools.
    """
    with open_sandbox(settings, cwd=cwd) as sandbox:
        tools = sandbox.list_tools()
    document = [
        {"name": tool.name, "description": tool.description or "", "inputSchema": tool.inputSchema} for tool in tools
    ]
    return parse_catalog(document, where=f"tools/list of `{' '.join(settings.command)}`")
