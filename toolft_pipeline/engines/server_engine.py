"""What engines share that are HTTP servers of their own: the limits before a request, its count, an orderly end."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from toolft_pipeline.engines.engine import Chunk, ContextLengthError, DecodeRequest, Engine, EngineError
from toolft_pipeline.engines.server_process import ServerProcess


@dataclass
class Traffic:
    """The requests at one server."""

    running: int = 0
    closing: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class ServerEngine(Engine):
    """An engine whose requests go to a server with room for `places` of them side by side; the others wait there."""

    def __init__(self, *, places: int) -> None:
        self._places = places
        self._traffic = Traffic()

    @property
    @abstractmethod
    def label(self) -> str:
        """What errors call the server."""

    @property
    @abstractmethod
    def process(self) -> ServerProcess | None:
        """The server's process; None before the start, and where somebody else runs it."""

    @property
    def failure(self) -> str | None:
        """That the server's process has ended on its own; None while it runs."""
        if self._traffic.closing or self.process is None or self.process.running:
            return None
        return f"{self.label}: its process has ended: {self.process.last_words()}"

    @abstractmethod
    def answer(self, request: DecodeRequest) -> AsyncGenerator[Chunk, None]:
        """The chunks of an answer. Raises `EngineError`."""

    @abstractmethod
    async def stop(self) -> None:
        """End the server; the second time does nothing."""

    def load(self) -> tuple[int, int]:
        """Requests that fit the server's batch, and the others."""
        running = min(self._traffic.running, self._places)
        return running, self._traffic.running - running

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        """Generate one answer. Raises `EngineBusyError`, `ContextLengthError` or `EngineError`."""
        if self._traffic.closing:
            raise EngineError(f"{self.label}: is being closed; send the request to its successor")
        if request.grammar is not None:
            raise EngineError(f"{self.label}: applies no grammar; serving.constrained needs the engine transformers")
        if len(request.ids) + request.max_new_tokens > self.max_context:
            raise ContextLengthError(
                f"{self.label}: {len(request.ids)} tokens of prompt and {request.max_new_tokens} of answer; "
                f"the context has {self.max_context}"
            )
        self._traffic.running += 1
        try:
            async with aclosing(self.answer(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._traffic.running -= 1
            self._traffic.idle.set()

    async def close(self) -> None:
        """Let what runs finish, then end the server."""
        self._traffic.closing = True
        try:
            while self._traffic.running:
                self._traffic.idle.clear()
                await self._traffic.idle.wait()
        finally:
            await self.stop()
