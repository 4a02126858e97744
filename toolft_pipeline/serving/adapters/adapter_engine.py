"""The engine of a model whose adapter is served by name over its base.

Invariant: its adapter is loaded and proven before `start` returns, so before a request can reach it, and is unloaded
after its last request. Prompts and stop tokens are the model's own, so a turn is read as evaluation reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EngineError, ModelGoneError
from toolft_pipeline.engines.model_folder import stops_of
from toolft_pipeline.engines.server_engine import ServerEngine
from toolft_pipeline.engines.server_process import ServerProcess
from toolft_pipeline.engines.vllm_command import MERGED, adapter_rank
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.serving.adapters.base_servers import BaseServer, BaseServers
from toolft_pipeline.serving.adapters.trained_base import trained_base
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings

MOST_PROBES = 8
"""Requests that an adapter and its base are compared by; the first that differs is proof enough."""


class AdapterEngines:
    """Makes the engines of one server process; they share the servers of their bases."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        cache: Path | None = None,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        engine = settings.serving.engine
        self._servers = BaseServers(engine, trained_rank=settings.training.lora_r, progress=progress)
        self._places = engine.batch_size
        self._cache = cache
        self._progress = progress

    def make(self, model: ServedModel) -> AdapterEngine:
        """The engine of a model; `start` loads its adapter."""
        return AdapterEngine(
            model, servers=self._servers, places=self._places, cache=self._cache, progress=self._progress
        )


class AdapterEngine(ServerEngine):
    """One model's engine."""

    def __init__(
        self,
        model: ServedModel,
        *,
        servers: BaseServers,
        places: int,
        cache: Path | None = None,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(places=places)
        self._model = model
        self._servers = servers
        self._cache = cache
        self._progress = progress
        self._server: BaseServer | None = None
        self._engine: VllmEngine | None = None
        self._lost: str | None = None

    @property
    def name(self) -> str:
        """The adapter's name at the server: agent, as-of day and content."""
        return f"{self._model.agent}-{self._model.day}-{(self._model.adapter_digest or '')[:16]}"

    @property
    def label(self) -> str:
        """The adapter, and the server that has it."""
        return f"{self.name} at {'vLLM' if self._server is None else self._server.engine.label}"

    @property
    def process(self) -> ServerProcess | None:
        """The process of the base's server."""
        return None if self._server is None else self._server.engine.process

    @property
    def failure(self) -> str | None:
        """That the process has ended, or the server has lost the adapter."""
        return super().failure or (None if self._traffic.closing else self._lost)

    @property
    def max_context(self) -> int:
        """The server's."""
        return 0 if self._engine is None else self._engine.max_context

    async def start(self) -> None:
        """Load the adapter, after the server of its base. Raises `EngineError`."""
        files = self._model.adapter
        if files is None:
            raise EngineError(f"{self._model.name}: its adapter is not known; {MERGED}")
        rank = await asyncio.to_thread(adapter_rank, files.folder)
        base = await trained_base(files, cache=self._cache, progress=self._progress)
        self._server = await self._servers.acquire(base, rank=rank)
        try:
            stops = await asyncio.to_thread(stops_of, self._model.folder, self._model.prompter.stops)
            probes = await asyncio.to_thread(_probes, self._model)
            self._engine = await self._server.load(self.name, files.folder, stops=stops, probes=probes)
        except BaseException:
            await self.stop()
            raise
        self._progress(f"{self._server.engine.label}: loaded the adapter {self.name}")

    async def stop(self) -> None:
        """Unload the adapter, and end the server if no other engine needs it."""
        server, self._server = self._server, None
        if server is None:
            return
        loaded, self._engine = self._engine is not None and self._lost is None, None
        try:
            if loaded and server.engine.failure is None:
                await server.unload(self.name)
        finally:
            await self._servers.release(server)

    async def answer(self, request: DecodeRequest) -> AsyncGenerator[Chunk, None]:
        """The chunks of an answer."""
        if self._engine is None or self._server is None:
            raise EngineError(f"{self.label}: not started, or closed")
        try:
            async with aclosing(self._engine.answer(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ModelGoneError as error:
            if self._lost is None and self._server is not None:
                self._server.forget(self.name)
                self._lost = str(error)
            raise


def _probes(model: ServedModel) -> list[list[int]]:
    """Prompts of the model's own tasks: what it was trained for, it answers otherwise than its base."""
    asked = [tool.description or tool.name for tool in model.catalog.tools][: MOST_PROBES - 1]
    return [model.prompter.prompt([{"role": "user", "content": text}]) for text in (*asked, "What can you do for me?")]
