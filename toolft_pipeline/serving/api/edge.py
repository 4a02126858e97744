"""What every request passes before its route: id, host, key, content type, size; and every error on its way out.

Invariant: no answer but an OpenAI-shaped one leaves the server, each with a request id. A page in a browser can
neither read nor cause anything: no CORS headers, JSON bodies alone (which a page cannot send across origins without
asking first), and on loopback without keys only loopback's own names as Host.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolft_pipeline.serving.api.disconnect import ClientGoneError
from toolft_pipeline.serving.api.errors import ApiError, internal, shutting_down
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.api.metrics import Metrics

log = logging.getLogger("toolft.serving")

REQUEST_HEADER = "X-Request-Id"
WITHOUT_KEY = "/health"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
CLIENT_CLOSED = 499
"""nginx's status of a request whose client has gone; it stands in the metrics alone."""


class Edge:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, *, keys: ClientKeys, body_bytes: int, metrics: Metrics) -> None:
        self._app = app
        self._keys = keys
        self._body_bytes = body_bytes
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"], state["client"] = request_id, _ = f"req_{uuid.uuid4().hex}", "none"
        answer = _Answer(send, request_id)
        try:
            self._admit(scope)
            await self._app(scope, _bounded(receive, self._body_bytes), answer.send)
        except (ClientGoneError, ClientDisconnect):  # the second one: before its body was complete
            answer.status = CLIENT_CLOSED
        except asyncio.CancelledError:  # the time of the drain is over, and this task with it
            await answer.fail(scope, shutting_down())
        except Exception as error:
            await answer.fail(scope, error)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._metrics.answered(route=path, status=answer.status, client=state["client"])

    def _admit(self, scope: Scope) -> None:
        """Check what the headers say. Raises `ApiError`."""
        headers = Headers(scope=scope)
        if not self._keys.names and _host(headers) not in _LOOPBACK_NAMES:
            raise ApiError(403, "the Host header names another machine; without keys only loopback is served")
        if scope["path"] != WITHOUT_KEY:
            scope["state"]["client"] = self._keys.client(headers.get("authorization"))
        if scope["method"] == "POST" and headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise ApiError(415, "Content-Type must be application/json")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._body_bytes:
            raise _too_large(self._body_bytes)


class _Answer:
    """The answer on its way to the client."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on; the first gets the request id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            MutableHeaders(scope=message)[REQUEST_HEADER] = self._request_id
        await self._send(message)

    async def fail(self, scope: Scope, error: Exception) -> None:
        """Send an error, if nothing was sent; an unknown one goes to the log, with the request id."""
        if not isinstance(error, ApiError):
            log.error("%s: internal error", self._request_id, exc_info=error)
        if self.status:
            return  # uvicorn closes a connection whose answer is not complete
        known = error if isinstance(error, ApiError) else internal(self._request_id)

        async def nothing() -> Any:
            raise ClientGoneError

        await known.response()(scope, nothing, self.send)


def http_error(_request: Any, error: Exception) -> Any:
    """Starlette's own errors (no such route, wrong method) in OpenAI's shape."""
    assert isinstance(error, HTTPException)  # registered for this class
    headers = dict(error.headers or {})
    return ApiError(error.status_code, f"{error.detail}; see the documentation", headers=headers).response()


def _host(headers: Headers) -> str:
    """The host of the Host header, without its port."""
    host = headers.get("host", "").lower()
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _bounded(receive: Receive, most: int) -> Receive:
    """A receive that refuses a body of more bytes, with or without Content-Length."""
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise _too_large(most)
        return message

    return bounded


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"the body is larger than {most} bytes (serving.limits.body_bytes)", code="body_too_large")
