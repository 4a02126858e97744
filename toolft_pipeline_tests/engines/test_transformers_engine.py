"""The engine in process, from an event loop: real threads, a real model folder."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.engine import (
    ContextLengthError,
    EndReason,
    EngineBusyError,
    EngineError,
)
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.decoded_models import TinyModel, drawn_ids
from toolft_pipeline_tests.engines.running_engines import (
    NEW_TOKENS,
    Gate,
    collected,
    finished,
    request,
    running,
    texts,
    until,
)


def test_many_at_once_get_the_answers_of_each_alone(gemma: TinyModel) -> None:
    drawn = random.Random(0)
    prompts = [drawn_ids(drawn, drawn.randint(1, 60)) for _ in range(9)]

    async def scenario() -> None:
        async with running(gemma, batch_size=4) as engine:
            answers = await asyncio.gather(*(collected(engine, request(ids)) for ids in prompts))
            assert engine.load() == (0, 0)
        for ids, chunks in zip(prompts, answers, strict=True):
            generation, tokens = gemma.alone(ids, max_new_tokens=NEW_TOKENS)
            assert texts(chunks) == generation.text
            assert [token for chunk in chunks for token in chunk.token_ids] == tokens
            assert [chunk.end for chunk in chunks] == [None] * (len(chunks) - 1) + [EndReason.LENGTH]
            assert sum(chunk.n_new_tokens for chunk in chunks) == NEW_TOKENS

    finished(scenario())


def test_closing_a_stream_frees_its_place(gemma: TinyModel) -> None:
    drawn = random.Random(1)

    async def scenario() -> None:
        async with running(gemma, batch_size=1) as engine:
            stream = engine.stream(request(drawn_ids(drawn, 9), max_new_tokens=4000))
            await anext(stream)
            waiting = asyncio.create_task(collected(engine, request(drawn_ids(drawn, 9))))
            await until(lambda: engine.load() == (1, 1))
            await stream.aclose()  # type: ignore[attr-defined]
            assert engine.load()[0] + engine.load()[1] == 1
            assert (await waiting)[-1].end is EndReason.LENGTH

    finished(scenario())


def test_a_cancelled_reader_frees_its_place(gemma: TinyModel) -> None:
    async def scenario() -> None:
        async with running(gemma, batch_size=1) as engine:
            reader = asyncio.create_task(collected(engine, request((300, 301), max_new_tokens=4000)))
            await until(lambda: engine.load() == (1, 0))
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            assert (await collected(engine, request((300, 301))))[-1].end is EndReason.LENGTH

    finished(scenario())


def test_a_full_queue_refuses_at_once(gemma: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)

    async def scenario() -> None:
        async with running(gemma, batch_size=1, queue_size=2) as engine:
            readers = [asyncio.create_task(collected(engine, request((300 + n,)))) for n in range(3)]
            await until(lambda: sum(engine.load()) == 3)
            with pytest.raises(EngineBusyError, match="3 requests run or wait"):
                await collected(engine, request((300,)))
            gate.open()
            assert [len(chunks) > 0 for chunks in await asyncio.gather(*readers)] == [True] * 3
            assert await collected(engine, request((300,)))

    finished(scenario())


def test_prompts_and_answers_that_do_not_fit_are_refused(gemma: TinyModel) -> None:
    async def scenario() -> None:
        async with running(gemma, context_tokens=64) as engine:
            assert engine.max_context == 64
            with pytest.raises(ContextLengthError, match=r"the prompt has 53 tokens and the answer may have 12.*of 64"):
                await collected(engine, request(tuple(range(300, 353))))
            assert await collected(engine, request(tuple(range(300, 352))))
            with pytest.raises(EngineError, match="each from 0 to 901"):
                await collected(engine, request((902,)))
            with pytest.raises(EngineError, match=r"set serving\.constrained"):
                await collected(engine, request((300,), grammar="start: /a/"))
            assert engine.load() == (0, 0)
        async with running(gemma) as engine:
            assert engine.max_context == 4096, "the model's own"

    finished(scenario())


def test_the_model_runs_on_one_thread_with_the_threads_of_the_settings(
    gemma: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen: set[tuple[str, int]] = set()
    turn = ContinuousDecoder.turn

    def noted(decoder: ContinuousDecoder) -> Any:
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        return turn(decoder)

    monkeypatch.setattr(ContinuousDecoder, "turn", noted)
    before = torch.get_num_threads()

    async def scenario() -> None:
        async with running(gemma, threads=before + 2) as engine:
            await asyncio.gather(*(collected(engine, request((300 + n,))) for n in range(3)))

    finished(scenario())
    assert seen == {("transformers engine", before + 2)}
    assert torch.get_num_threads() == before, "other threads keep theirs"


def test_a_grammar_is_made_beside_the_loop_and_masks_the_answer(gemma: TinyModel) -> None:
    made: list[tuple[str, bool]] = []

    class OnlyOne:
        def allowed(self, logits: Any) -> Any:
            return logits.fill_(-float("inf")).index_fill_(0, logits.new_tensor([333]).long(), 0.0)

        def accept(self, token: int) -> None:
            assert token == 333

    def factory(grammar: str) -> OnlyOne:
        made.append((grammar, threading.current_thread() is threading.main_thread()))
        if grammar == "bad":
            raise ValueError("the grammar does not compile")
        return OnlyOne()

    async def scenario() -> None:
        engine = TransformersEngine(
            gemma.folder,
            stops=(),
            settings=EngineSettings(threads=1, batch_size=2),
            compute=ComputeType.FP32,
            tokenizer=gemma.tokenizer,
            mask_factory=factory,
        )
        await engine.start()
        chunks = await collected(engine, request((300,), grammar="one"))
        assert [token for chunk in chunks for token in chunk.token_ids] == [333] * NEW_TOKENS
        with pytest.raises(EngineError, match="cannot be used: ValueError: the grammar does not compile"):
            await collected(engine, request((300,), grammar="bad"))
        await engine.close()

    finished(scenario())
    assert made == [("one", False), ("bad", False)]
