"""GET /canary: both arms of the canary, compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CANARY_PATH = "/canary"


def canary_route(report: Callable[[], dict[str, Any]]) -> Route:
    """The route, for the server's extra routes; keys are checked around it."""

    async def canary(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(report))

    return Route(CANARY_PATH, canary)
