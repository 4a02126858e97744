"""vLLM servers of base models, each shared by the engines of the adapters over it.

Invariant: a server runs from the first engine that needs its base until the last one has ended. One whose process has
died is not shared any more: the next engine gets a new one. Adapters are loaded and unloaded here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_folder import Stops
from toolft_pipeline.engines.vllm_command import server_rank
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.settings.serving import EngineSettings


@dataclass(eq=False)
class BaseServer:
    """One server. `loaded` counts the engines of each adapter; its name stands for its content."""

    base: Path
    engine: VllmEngine
    users: int = 0
    loaded: Counter[str] = field(default_factory=Counter)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def load(self, name: str, adapter: Path, *, stops: Stops, probes: Sequence[Sequence[int]]) -> VllmEngine:
        """The engine of an adapter, loaded and proven to be applied if it is not there. Raises `EngineError`."""
        async with self._changing:
            if self.loaded[name]:
                engine = self.engine.for_adapter(name, stops=stops)
            else:
                engine = await self.engine.load_adapter(name, adapter, probes=probes, stops=stops)
            self.loaded[name] += 1
            return engine

    async def unload(self, name: str) -> None:
        """Unload an adapter after its last engine. Raises `EngineError`."""
        async with self._changing:
            self.loaded[name] -= 1
            if self.loaded[name] <= 0:
                self.forget(name)
                await self.engine.unload_adapter(name)

    def forget(self, name: str) -> None:
        """The server has lost an adapter: somebody unloaded it, or started the server again."""
        del self.loaded[name]


class BaseServers:
    """The running servers, by base. Used from one event loop."""

    def __init__(
        self, settings: EngineSettings, *, trained_rank: int, progress: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._settings = settings
        self._trained_rank = trained_rank
        self._progress = progress
        self._running: dict[Path, BaseServer] = {}
        self._starting = asyncio.Lock()

    async def acquire(self, base: Path, *, rank: int) -> BaseServer:
        """The server of a base, started if it does not run, for an adapter of this rank. Raises `EngineError`."""
        limit = self._settings.max_lora_rank
        if limit is not None and rank > server_rank(limit):
            raise EngineError(
                f"serving.engine.max_lora_rank {limit}: the adapter has rank {rank}; set it to {rank} and start "
                "`toolft serve` again"
            )
        async with self._starting:
            found = self._running.get(base)
            if found is None or found.engine.failure is not None:
                engine = VllmEngine(
                    settings=self._settings,
                    folder=base,
                    stops=(),
                    lora_rank=limit or max(rank, self._trained_rank),
                    progress=self._progress,
                )
                await engine.start()
                found = self._running[base] = BaseServer(base=base, engine=engine)
            found.users += 1
            return found

    async def release(self, server: BaseServer) -> None:
        """Give a server back; the last user ends it. Raises `EngineError`."""
        server.users -= 1
        if server.users:
            return
        if self._running.get(server.base) is server:
            del self._running[server.base]
        await server.engine.close()
