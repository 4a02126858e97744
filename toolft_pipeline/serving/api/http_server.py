"""Runs the application on a socket, and ends it without losing a request.

The first SIGTERM or Ctrl-C: /ready answers 503, new requests are refused with 503, running ones are finished within
`serving.limits.drain_s`. The second ends the process at once.
"""

from __future__ import annotations

import os
import socket
import time
from types import FrameType

import uvicorn

from toolft_pipeline.errors import UsageError
from toolft_pipeline.serving.api.app import ServerApp
from toolft_pipeline.settings.serving import ServerLimits

LEFT_OVER_S = 1
"""Seconds that uvicorn gives what still runs after the drain, and idle connections, to end."""


class DrainingServer(uvicorn.Server):
    """uvicorn, which on a signal drains before it closes."""

    def __init__(self, app: ServerApp, *, limits: ServerLimits) -> None:
        super().__init__(
            uvicorn.Config(
                app.asgi,
                http="h11",  # bounds headers; the parser is no part of a turn's time
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=4 * limits.concurrent + 64,  # connections: one in use and a few idle for each client
                timeout_graceful_shutdown=LEFT_OVER_S,
            )
        )
        self._admission = app.admission
        self._drain_s = limits.drain_s
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, exit on the second."""
        if self._ends_at is not None:
            os._exit(128 + sig)
        self.drain()

    def drain(self) -> None:
        """Take no more requests; `serve` returns when the last is answered or the time is over."""
        self._admission.draining = True
        self._ends_at = time.monotonic() + self._drain_s

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second by uvicorn; True ends the server."""
        if self._ends_at is not None and (not self._admission.running or time.monotonic() >= self._ends_at):
            self.should_exit = True
        return await super().on_tick(counter)


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `UsageError` with the fix."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        named = isinstance(error, socket.gaierror) or error.errno is None
        reason = error.strerror if named else os.strerror(error.errno or 0)
        raise UsageError(
            f"serving.host, serving.port: {host}:{port} cannot be used ({reason}); choose another with --host or --port"
        ) from error


def base_url(listening: socket.socket) -> str:
    """What a client has as its base URL."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
