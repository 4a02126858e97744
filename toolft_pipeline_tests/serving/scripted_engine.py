"""Engines that answer with the text of their model's weights file, and a line server that routes requests to them.

A scripted engine behaves as the protocol says: what runs when it is closed fails, and it refuses work then.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, Engine, EngineError
from toolft_pipeline.serving.parts import Router
from toolft_pipeline.serving.served_model import ServedModel

T = TypeVar("T")

CHUNKS = 6
HANG_S = 600.0


class ScriptedEngine:
    """Answers each request with its model's text, `CHUNKS` times; the id 1 waits for `Engines.hold` before the last."""

    max_context = 1000

    def __init__(self, model: ServedModel, engines: Engines) -> None:
        self.model = model
        self._engines = engines
        self._text = ""
        self._running = 0
        self.failure: str | None = None
        self.closed = False
        self.closed_while_running = 0

    def load(self) -> tuple[int, int]:
        return self._running, 0

    async def start(self) -> None:
        self._engines.started.append(self.model.day)
        self._engines.alive += 1
        self._engines.most_alive = max(self._engines.most_alive, self._engines.alive)
        await self._engines.while_starting(self.model)
        self._text = (self.model.folder / "model.safetensors").read_text()

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        self._running += 1
        try:
            for number in range(CHUNKS):
                await asyncio.sleep(0)
                if number == CHUNKS - 1 and request.ids == (1,):
                    self._engines.holding.set()
                    await self._engines.hold.wait()
                if self.closed:
                    raise EngineError("the engine was closed")
                end = EndReason.STOP if number == CHUNKS - 1 else None
                yield Chunk(text=f"{self._text} ", end=end)
        finally:
            self._running -= 1

    async def close(self) -> None:
        if not self.closed:
            self.closed, self.closed_while_running = True, self._running
            self._engines.alive -= 1
            self._engines.closed.append(self.model.day)


async def _at_once(_model: ServedModel) -> None:
    """Start without any delay."""


class Engines:
    """Makes scripted engines and remembers what became of them; days by the order of events."""

    def __init__(self) -> None:
        self.made: list[ScriptedEngine] = []
        self.started: list[str] = []
        self.closed: list[str] = []
        self.alive = self.most_alive = 0
        self.hold = asyncio.Event()
        self.holding = asyncio.Event()
        self.while_starting: Callable[[ServedModel], Awaitable[None]] = _at_once

    def make(self, model: ServedModel) -> Engine:
        self.made.append(ScriptedEngine(model, self))
        return self.made[-1]


class LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=HANG_S)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def serve_lines(router: Router) -> tuple[asyncio.Server, int]:
    """A server on loopback: a line with a conversation's id and a prompt id in, the answer's texts and a dot out.

    A request that fails is answered with a line that begins with an exclamation mark.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation, prompt = (await reader.readline()).decode().split()
        try:
            async with router.route(conversation) as route:
                request = DecodeRequest(ids=(int(prompt),), max_new_tokens=CHUNKS)
                async for chunk in route.engine.stream(request):
                    writer.write(chunk.text.encode())
                    await writer.drain()
            writer.write(f"{route.arm.value}.\n".encode())
        except Exception as error:
            writer.write(f"\n!{type(error).__name__}: {error}\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def ask(port: int, conversation: str, prompt: int = 2) -> str:
    """One request over a socket of its own; the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as connection:
        connection.sendall(f"{conversation} {prompt}\n".encode())
        parts = []
        while part := connection.recv(4096):
            parts.append(part.decode())
    return "".join(parts)
