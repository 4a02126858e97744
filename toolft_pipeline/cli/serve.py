"""`toolft serve`: the model in service behind OpenAI chat completions, until it is stopped."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from starlette.routing import BaseRoute

from toolft_pipeline.cli.runs.interruption import Interruption
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.http_server import DrainingServer, base_url, listening_socket
from toolft_pipeline.serving.api.keys import ClientKeys, read_keys
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


def serve_agent(parts: Parts, *, interruption: Interruption | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 when what ran was finished. Raises `FixableError`."""
    serving = parts.settings.serving
    keys = read_keys(serving.keys_from)
    listening = listening_socket(serving.host, serving.port)
    if interruption is not None:
        interruption.doing = "the server, which finishes what runs"
    with listening:
        asyncio.run(_serve(parts, keys, listening))
    return 0


async def _serve(parts: Parts, keys: ClientKeys, listening: socket.socket) -> None:
    """Load the model while /health answers, serve, drain, close."""
    turns = TurnService(
        router=parts.router,
        ids=parts.conversation_ids,
        observers=parts.observers,
        net=parts.net,
        constraint=parts.constraint,
        drift=parts.drift,
    )
    app = make_app(
        turns=turns,
        router=parts.router,
        settings=parts.settings.serving,
        keys=keys,
        drift=parts.drift,
        extra_routes=parts.routes,
        figures=parts.figures,
        status=parts.status,
    )
    server = DrainingServer(app, limits=parts.settings.serving.limits)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    loading = asyncio.create_task(_load(parts, keys, base_url(listening)))
    try:
        await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():  # a signal came while the model was loaded
            loading.cancel()
        elif loading.exception() is not None:
            server.should_exit = True
        await serving
        await asyncio.wait({loading})
        if not loading.cancelled():
            loading.result()
    finally:
        await parts.close()
        turns.close()


async def _load(parts: Parts, keys: ClientKeys, url: str) -> None:
    """Load the model and say where it answers."""
    await parts.start()
    route = parts.router.current()
    name = route.model.name if route is not None else parts.settings.name
    say(f"serving {name} on {url}", f"keys: {', '.join(keys.names) or 'none, from this machine alone'}")
