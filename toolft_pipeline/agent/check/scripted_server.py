"""The scripted model on a port of the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from toolft_pipeline.agent.check.scripted_app import ScriptedModel
from toolft_pipeline.errors import FixableError

_GRACE_S = 2
"""Seconds that open connections get at the end: an MCP client keeps one open as long as it lives."""


class PortTakenError(FixableError, OSError):
    """The port is in use."""


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the command has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def scripted_server(*, port: int = 0) -> AsyncIterator[tuple[ScriptedModel, str]]:
    """The model and its address (without /v1), for the block. Port 0 takes a free one. Raises `PortTakenError`."""
    model = ScriptedModel()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise PortTakenError(f"port {port} of this machine is in use; name another with --port") from error
    config = uvicorn.Config(model.app(), log_level="error", timeout_graceful_shutdown=_GRACE_S)
    server = _Server(config)
    listening.listen()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield model, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()
