"""A model in memory, and the requests that it answers.

Invariant: an engine is closed only when no request has it any more, or when the time for running requests is over.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from toolft_pipeline.engines.engine import Engine
from toolft_pipeline.serving.served_model import ServedModel

EngineFactory = Callable[[ServedModel], Engine]
"""Makes the engine of a model, not started yet, on a thread. Raises `EngineError`."""


class HeldModel:
    """A loaded model. Used from one event loop."""

    def __init__(self, model: ServedModel, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self.requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def digest(self) -> str:
        """Content digest of the model."""
        return self.model.content_digest

    @contextmanager
    def request(self) -> Iterator[None]:
        """Keep the engine open for one request."""
        self.requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.requests -= 1
            if self.requests == 0:
                self._idle.set()

    async def close(self, *, drain_s: float) -> int:
        """Wait for the running requests, then close the engine; returns how many were still running."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        left = self.requests
        await self.engine.close()
        return left


def give_memory_back() -> None:
    """Free what a closed engine leaves behind: glibc keeps freed memory of its arenas for itself."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another libc has no malloc_trim
            ctypes.CDLL(None).malloc_trim(0)
