"""A server on a real socket, in a thread, around a scripted engine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from openai import OpenAI
from starlette.routing import BaseRoute

from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.http_server import DrainingServer, base_url, listening_socket
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.parts import DriftWatch, SafetyNet
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings.serving import ServingSettings
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.api.scripted import CountedIds, OneModel, ScriptedEngine, Seen


@dataclass(kw_only=True)
class Running:
    """A running server and what is behind it."""

    url: str
    server: DrainingServer
    thread: threading.Thread
    engine: ScriptedEngine
    router: OneModel
    seen: Seen
    ids: CountedIds
    loop: asyncio.AbstractEventLoop
    key: str = "none"

    @cached_property
    def client(self) -> OpenAI:
        return OpenAI(base_url=self.url, api_key=self.key, max_retries=0, timeout=HANG_S)

    @cached_property
    def http(self) -> httpx.Client:
        return httpx.Client(timeout=HANG_S, trust_env=False)

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    def post(self, body: Any, **options: Any) -> httpx.Response:
        """Send a body as it is."""
        return self.http.post(f"{self.url}/chat/completions", json=body, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(f"{self.root}{path}", **options)

    def close_gate(self, part: int) -> None:
        """Make the engine wait before a part."""
        self.engine.gates[part] = asyncio.Event()

    def open_gate(self, part: int) -> None:
        self.loop.call_soon_threadsafe(self.engine.gates[part].set)

    def ask(self, content: str = "Hi", **more: Any) -> dict[str, Any]:
        """A request's body."""
        return {"model": "tests", "messages": [{"role": "user", "content": content}], **more}


@contextmanager
def running(
    model: ServedModel,
    *,
    settings: dict[str, Any] | None = None,
    keys: dict[str, str] | None = None,
    net: SafetyNet | None = None,
    drift: DriftWatch | None = None,
    engine: Any = None,
    extra_routes: Sequence[BaseRoute] = (),
) -> Iterator[Running]:
    """A server for the time of a `with` block."""
    engine = engine or ScriptedEngine()
    router, ids, seen = OneModel(model, engine), CountedIds(), Seen()
    parsed = ServingSettings.model_validate(settings or {})
    turns = TurnService(router=router, ids=ids, observers=[seen], net=net, drift=drift)
    app = make_app(
        turns=turns,
        router=router,
        settings=parsed,
        keys=ClientKeys(keys or {}),
        drift=drift,
        extra_routes=extra_routes,
    )
    server = DrainingServer(app, limits=parsed.limits)
    listening = listening_socket("127.0.0.1", 0)
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=_serve, args=(server, listening, loops, started), daemon=True)
    url = base_url(listening)
    thread.start()
    assert started.wait(HANG_S)
    try:
        yield Running(
            url=url, server=server, thread=thread, engine=engine, router=router, seen=seen, ids=ids, loop=loops[0],
            key=next(iter((keys or {}).values()), "none"),
        )  # fmt: skip
    finally:
        for gate in list(getattr(engine, "gates", {}).values()):
            loops[0].call_soon_threadsafe(gate.set)
        loops[0].call_soon_threadsafe(server.drain)
        thread.join(HANG_S)
        turns.close()


def _serve(
    server: DrainingServer, listening: socket.socket, loops: list[asyncio.AbstractEventLoop], started: threading.Event
) -> None:
    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        started.set()
        await server.serve(sockets=[listening])

    asyncio.run(main())
