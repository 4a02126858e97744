"""The engine in process over a tiny model, and its thread held where a test wants it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.engine import (
    Chunk,
    DecodeRequest,
)
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.decoded_models import TinyModel

NEW_TOKENS = 12


HANG_S = 600.0


def request(ids: tuple[int, ...], **changes: Any) -> DecodeRequest:
    return DecodeRequest(**{"ids": ids, "max_new_tokens": NEW_TOKENS, **changes})


@asynccontextmanager
async def running(tiny: TinyModel, *, queue_size: int = 8, **settings: Any) -> AsyncIterator[TransformersEngine]:
    engine = TransformersEngine(
        tiny.folder,
        stops=(),
        settings=EngineSettings(**{"batch_size": 2, "threads": 1, **settings}),
        compute=ComputeType.FP32,
        queue_size=queue_size,
    )
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


def finished(scenario: Coroutine[Any, Any, None]) -> None:
    """Run to the end; only a hang takes long."""
    asyncio.run(asyncio.wait_for(scenario, HANG_S))


async def collected(engine: TransformersEngine, asked: DecodeRequest) -> list[Chunk]:
    return [chunk async for chunk in engine.stream(asked)]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def texts(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


class Gate:
    """Holds the model's thread before each turn, until it may go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._turns, self._open = threading.Semaphore(0), threading.Event()
        turn = ContinuousDecoder.turn

        def gated(decoder: ContinuousDecoder) -> Any:
            assert self._open.is_set() or self._turns.acquire(timeout=HANG_S)
            return turn(decoder)

        monkeypatch.setattr(ContinuousDecoder, "turn", gated)

    def one_turn(self) -> None:
        self._turns.release()

    def open(self) -> None:
        self._open.set()
        self._turns.release()
