"""How the engine starts, dies and closes: nobody hangs, and its memory is free again."""

from __future__ import annotations

import asyncio
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.decoded_models import TinyModel
from toolft_pipeline_tests.engines.running_engines import (
    NEW_TOKENS,
    Gate,
    collected,
    finished,
    request,
    running,
    until,
)


def test_close_finishes_what_runs_and_refuses_what_waits(gemma: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    async def scenario() -> None:
        async with running(gemma, batch_size=1) as engine:
            runs = asyncio.create_task(collected(engine, request((300, 301))))
            gate.one_turn()
            await until(lambda: engine.load() == (1, 0))
            waits = asyncio.create_task(collected(engine, request((302,))))
            await until(lambda: engine.load() == (1, 1))
            closing = asyncio.create_task(engine.close())
            await asyncio.sleep(0)
            with pytest.raises(EngineError, match="closing and takes no more"):
                await collected(engine, request((303,)))
            gate.open()
            with pytest.raises(EngineError, match="the engine is closing; send the request again"):
                await waits
            assert sum(chunk.n_new_tokens for chunk in await runs) == NEW_TOKENS
            await closing
            await engine.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "transformers engine"]

    finished(scenario())


def test_a_dead_engine_says_so_and_nobody_hangs(gemma: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_decoder: ContinuousDecoder) -> None:
        raise KeyError("a bug")

    async def scenario() -> None:
        async with running(gemma) as engine:
            assert engine.failure is None
            monkeypatch.setattr(ContinuousDecoder, "_admit", broken)
            readers = [asyncio.create_task(collected(engine, request((300 + n,)))) for n in range(5)]
            ended = await asyncio.gather(*readers, return_exceptions=True)
            assert all(isinstance(error, EngineError) for error in ended), ended
            assert engine.failure == "the transformers engine has failed and must be started again: KeyError: 'a bug'"
            with pytest.raises(EngineError, match="must be started again"):
                await collected(engine, request((300,)))
            await engine.close()

    finished(scenario())


def test_a_folder_without_a_model_fails_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = TransformersEngine(tmp_path, stops=(), settings=EngineSettings(threads=1), compute=ComputeType.FP32)
        with pytest.raises(EngineError, match="not a model folder"):
            await engine.start()
        await engine.close()

    finished(scenario())


def test_an_engine_that_never_started_closes_and_says_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = TransformersEngine(tmp_path, stops=(), settings=EngineSettings())
        with pytest.raises(EngineError, match=r"await start\(\)"):
            await collected(engine, request((300,)))
        await engine.close()
        with pytest.raises(EngineError, match="is closed"):
            await engine.start()

    finished(scenario())


def test_closing_frees_the_model_and_its_keys_and_values(gemma: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that follows the champion loads one model after the other."""
    decoders: list[weakref.ref[ContinuousDecoder]] = []
    made = ContinuousDecoder.__init__

    def noted(decoder: ContinuousDecoder, *arguments: Any, **options: Any) -> None:
        made(decoder, *arguments, **options)
        decoders.extend([weakref.ref(decoder), weakref.ref(decoder._model)])

    monkeypatch.setattr(ContinuousDecoder, "__init__", noted)

    async def scenario() -> None:
        async with running(gemma) as engine:
            await collected(engine, request((300, 301)))
            assert all(each() is not None for each in decoders)
        assert [each() for each in decoders] == [None, None], "the engine itself may live on"

    finished(scenario())
