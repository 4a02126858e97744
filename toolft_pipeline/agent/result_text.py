"""A tool's result in the very text that training saw, for LangGraph agents of any make.

Invariant: replays, rollouts and serving write one text for one result. LangGraph hands on a failed tool's MCP text as
the server wrote it, without the prefix "Error: "; the model then reads a prompt that it was never trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolft_pipeline.agent.extra import agent_extra
from toolft_pipeline.sandbox.protocol import ToolResult, failure_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain_core.messages import ToolMessage
    from langchain_mcp_adapters.interceptors import MCPToolCallRequest, MCPToolCallResult


async def training_text(
    request: MCPToolCallRequest, handler: Callable[[MCPToolCallRequest], Awaitable[MCPToolCallResult]]
) -> MCPToolCallResult:
    """An interceptor for `load_mcp_tools(session, tool_interceptors=[training_text])`.

    What another interceptor has made a message of is handed on as it is.
    """
    with agent_extra():
        from mcp import McpError
        from mcp.types import CallToolResult

        from toolft_pipeline.sandbox.mcp_stdio import tool_result
    try:
        raw = await handler(request)
        if not isinstance(raw, CallToolResult):
            return raw
        result = tool_result(request.name, raw)
    except McpError as error:  # a server may answer with a protocol error instead of a result
        result = ToolResult(text=failure_text(request.name, error.error.message), is_error=True)
    return tool_message(result, name=request.name, call_id=getattr(request.runtime, "tool_call_id", None) or "")


def tool_message(result: ToolResult, *, name: str, call_id: str) -> ToolMessage:
    """A result as the message that the history holds: one text, never a list of parts."""
    with agent_extra():
        from langchain_core.messages import ToolMessage
    return ToolMessage(
        content=result.text, name=name, tool_call_id=call_id, status="error" if result.is_error else "success"
    )


def unknown_tool(name: str) -> ToolResult:
    """What a rollout answers to every call of a turn that calls an unknown tool; none of them is made."""
    return ToolResult(text=f"Error: unknown tool {name}", is_error=True)
