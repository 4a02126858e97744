"""Errors in OpenAI's shape, which every client of the protocol reads.

Invariant: a message names what the client sent wrong and the fix, or a request id; never a path, a trace or a value
of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"


class ApiError(Exception):
    """An answer other than 200. `place` is the part of the request that is at fault (OpenAI's `param`)."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = INVALID_REQUEST,
        place: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": type_, "param": place, "code": code}}
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The error as a response."""
        return JsonResponse(self.body, status_code=self.status, headers=self.headers)


class RequestError(ApiError):
    """400: a part of the request is not what the protocol, or this server, takes."""

    def __init__(self, place: str, problem: str, *, code: str | None = None) -> None:
        super().__init__(400, f"{place}: {problem}", place=place, code=code)


class JsonResponse(Response):
    """JSON in ASCII: an argument may hold half a surrogate pair, which UTF-8 has no bytes for."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def busy(message: str) -> ApiError:
    """429: the client may send the request again a second later."""
    return ApiError(429, message, type_="rate_limit_error", code="rate_limit_exceeded", headers={"Retry-After": "1"})


def unavailable(message: str, *, code: str) -> ApiError:
    """503: this server cannot answer at present."""
    return ApiError(503, message, type_=SERVER_ERROR, code=code, headers={"Retry-After": "1"})


def shutting_down() -> ApiError:
    """503: the server is shutting down."""
    return unavailable("this server is shutting down; send the request to another", code="shutting_down")


def internal(request_id: str) -> ApiError:
    """500: a fault of this program, described in the server's log under the request id."""
    return ApiError(500, f"internal error; the server's log has it as {request_id}", type_=SERVER_ERROR)
