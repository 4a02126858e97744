"""The HTTP server around its parts: requests, safety nets, observers, routes, drain.

Invariant: every server of an agent is put together here, that of `toolft serve` and those of tests and benchmarks, so
that a net, an observer or a route that is configured is also asked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from starlette.routing import BaseRoute

from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.http_server import DrainingServer
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.notice import Figure
from toolft_pipeline.serving.parts import (
    Constraint,
    ConversationIds,
    DriftWatch,
    Router,
    SafetyNet,
    TurnObserver,
)
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings import AgentSettings


class Parts(Protocol):
    """What is behind the HTTP layer, as `open_server_parts` puts it together."""

    @property
    def settings(self) -> AgentSettings: ...
    @property
    def router(self) -> Router: ...
    @property
    def conversation_ids(self) -> ConversationIds: ...
    @property
    def observers(self) -> Sequence[TurnObserver]: ...
    @property
    def net(self) -> SafetyNet | None: ...
    @property
    def constraint(self) -> Constraint | None: ...
    @property
    def drift(self) -> DriftWatch | None: ...
    @property
    def routes(self) -> Sequence[BaseRoute]: ...
    def figures(self) -> Iterable[Figure]: ...
    def status(self) -> Mapping[str, Any]: ...
    async def start(self) -> None: ...
    async def close(self) -> None: ...


class ServedApp:
    """The application of these parts, and the server that runs it."""

    def __init__(self, parts: Parts, *, keys: ClientKeys) -> None:
        self._parts = parts
        self._turns = TurnService(
            router=parts.router,
            ids=parts.conversation_ids,
            observers=parts.observers,
            net=parts.net,
            constraint=parts.constraint,
            drift=parts.drift,
        )
        app = make_app(
            turns=self._turns,
            router=parts.router,
            settings=parts.settings.serving,
            keys=keys,
            drift=parts.drift,
            extra_routes=parts.routes,
            figures=parts.figures,
            status=parts.status,
        )
        self._server = DrainingServer(app, limits=parts.settings.serving.limits)

    async def serve(self, listening: socket.socket, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Load the model while /health answers, serve until a signal or `drain`, then close the parts.

        `on_ready` is called when the model answers. Raises `FixableError` if no model can be served.
        """
        serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        loading = asyncio.create_task(self._load(on_ready))
        try:
            await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():  # a signal came while the model was loaded
                loading.cancel()
            elif loading.exception() is not None:
                self._server.should_exit = True
            await serving
            await asyncio.wait({loading})
            if not loading.cancelled():
                loading.result()
        finally:
            await self._parts.close()
            self._turns.close()

    def drain(self) -> None:
        """Take no more requests; `serve` returns when the last is answered or the time is over."""
        self._server.drain()

    async def _load(self, on_ready: Callable[[], None]) -> None:
        await self._parts.start()
        on_ready()
