"""The scripted model and its tools as one application: OpenAI chat completions at /v1, an MCP server at /mcp.

Invariant: the n-th request gets the n-th turn of the script, whatever it asks, so that what an agent changed in its
history never changes what it is sent; every body is recorded as it came.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from toolft_pipeline.agent.check.script import TURNS, ScriptedTurn, tool_answer, tool_list

MODEL = "scripted"


class ScriptedModel:
    """Says the script's turns and records what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answered = asyncio.Event()
        """Set when the last turn but one, the final answer, was sent."""

    def app(self) -> Starlette:
        """The ASGI application."""
        from mcp.server.lowlevel import Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        tools: Server[Any, Any] = Server("check")
        tools.list_tools()(_list_tools)  # type: ignore[no-untyped-call]
        tools.call_tool(validate_input=False)(_call_tool)
        manager = StreamableHTTPSessionManager(tools, json_response=True)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with manager.run():
                yield

        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", _models),
                Mount("/mcp", app=manager.handle_request),
            ],
            lifespan=lifespan,
        )

    async def _complete(self, request: Request) -> Response:
        place = len(self.bodies)
        if place >= len(TURNS):
            return JSONResponse({"error": {"message": "the script is over", "code": "script_over"}}, status_code=400)
        body = await request.json()
        self.bodies.append(body)
        if place >= len(TURNS) - 2:
            self.answered.set()
        document = _completion(TURNS[place], place)
        if body.get("stream"):
            return StreamingResponse(_events(document), media_type="text/event-stream")
        return JSONResponse(document)


async def _list_tools() -> list[Any]:
    return tool_list()


async def _call_tool(name: str, arguments: dict[str, Any]) -> Any:
    return tool_answer(name, arguments)


async def _models(_request: Request) -> Response:
    return JSONResponse(
        {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "check"}]}
    )


def _completion(turn: ScriptedTurn, place: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-check-{place}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "tool_calls" if turn.calls else "stop", "message": turn.message()}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


async def _events(document: dict[str, Any]) -> AsyncIterator[str]:
    """The completion as a stream: one delta with all of it, the finish reason, the end."""
    (choice,) = document["choices"]
    calls = [{"index": index, **call} for index, call in enumerate(choice["message"].get("tool_calls", ()))]
    delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
    common = {**document, "object": "chat.completion.chunk"}
    for part in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": choice["finish_reason"]}):
        yield f"data: {json.dumps({**common, 'choices': [{'index': 0, **part}]})}\n\n"
    yield "data: [DONE]\n\n"
