"""vLLM's engine against a local server that speaks its protocol over real sockets, and fails as it does."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from tokenizers import Tokenizer

from toolft_pipeline.engines.engine import (
    Chunk,
    DecodeRequest,
    EndReason,
    EngineError,
)
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.model_folders import STOPS, token_of
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.engines.vllm.vllm_requests import chunks, engine, expected, prompts, settings


@pytest.mark.parametrize("old_release", [False, True])
def test_texts_tokens_and_ends_are_those_of_the_model(server: LocalVllm, old_release: bool) -> None:
    """A release without `return_token_ids` tells their number alone."""
    server.token_ids = not old_release

    async def run() -> list[list[Chunk]]:
        vllm = engine(server)
        await vllm.start()
        answers = await asyncio.gather(*(chunks(vllm, ids) for ids in prompts(20)))
        await vllm.close()
        return answers

    ends = set()
    for ids, answer in zip(prompts(20), asyncio.run(run()), strict=True):
        text, tokens, end = expected(server.script, server.folder, ids, most=40)
        ends.add(end)
        assert "".join(chunk.text for chunk in answer) == text
        assert sum(chunk.n_new_tokens for chunk in answer) == len(tokens)
        assert tuple(id_ for chunk in answer for id_ in chunk.token_ids) == (() if old_release else tokens)
        assert [chunk.end for chunk in answer] == [None] * (len(answer) - 1) + [EndReason(end)]
    assert ends == {"stop", "length"}


def test_request_has_ids_and_every_parameter_that_a_server_may_have_another_default_for(server: LocalVllm) -> None:
    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        await chunks(vllm, (5, 6, 7), most=3)
        await chunks(vllm, (5, 6, 7), most=3, temperature=0.7, top_p=0.9, seed=11)
        await vllm.close()

    asyncio.run(run())
    greedy, sampled = server.requests
    assert greedy == {
        "model": server.name,
        "prompt": [5, 6, 7],
        "max_tokens": 3,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop_token_ids": [token_of(server.folder, stop) for stop in STOPS],
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "return_token_ids": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert {key: value for key, value in sampled.items() if greedy.get(key) != value} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 11,
    }


def test_stop_text_that_is_no_token_ends_the_turn_at_the_server(server: LocalVllm) -> None:
    async def run() -> str:
        vllm = VllmEngine(settings=settings(server), folder=server.folder, stops=("e",))
        await vllm.start()
        answer = await chunks(vllm, prompts(1)[0])
        await vllm.close()
        assert answer[-1].end is EndReason.STOP
        return "".join(chunk.text for chunk in answer)

    text, _, _ = expected(server.script, server.folder, prompts(1)[0], most=40)
    assert asyncio.run(run()) == text.split("e", 1)[0] != text


def test_line_separators_within_a_text_do_not_tear_the_stream(server: LocalVllm) -> None:
    """U+2028, U+0085 and vertical tabs stand unescaped in the server's JSON."""
    tokens = Tokenizer.from_file(str(server.folder / "tokenizer.json")).encode("a\u2028b\u0085c\x0bd\x1ce").ids
    server.script = lambda ids, _adapter: [*tokens, token_of(server.folder, STOPS[0])][len(ids) - 1]

    async def run() -> str:
        vllm = engine(server)
        await vllm.start()
        answer = await chunks(vllm, (5,))
        await vllm.close()
        return "".join(chunk.text for chunk in answer)

    decoded = Tokenizer.from_file(str(server.folder / "tokenizer.json")).decode(tokens)
    assert asyncio.run(run()) == decoded
    assert "\u2028" in decoded


def test_closing_the_iterator_closes_the_connection(server: LocalVllm) -> None:
    server.hold = True
    server.script = lambda ids, _adapter: 7

    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        async with aclosing(vllm.stream(DecodeRequest(ids=(5, 6), max_new_tokens=40))) as answer:  # type: ignore[type-var]
            assert (await anext(answer)).text
            assert vllm.load() == (1, 0)
        assert vllm.load() == (0, 0)
        assert await asyncio.to_thread(server.left.acquire, timeout=HANG_S)
        await vllm.close()

    asyncio.run(run())


def test_closing_the_engine_lets_running_requests_finish_and_refuses_new_ones(server: LocalVllm) -> None:
    server.hold = True
    server.script = lambda ids, _adapter: 7

    async def run() -> None:
        vllm = engine(server, batch_size=1)
        await vllm.start()
        running = [asyncio.create_task(chunks(vllm, (5, 6), most=9)) for _ in range(2)]
        for _ in running:
            assert await asyncio.to_thread(server.started.acquire, timeout=HANG_S)
        assert vllm.load() == (1, 1)
        closing = asyncio.create_task(vllm.close())
        await asyncio.sleep(0)
        with pytest.raises(EngineError, match="being closed"):
            await chunks(vllm, (5, 6))
        assert not closing.done()
        server.go()
        assert [sum(chunk.n_new_tokens for chunk in await task) for task in running] == [9, 9]
        await closing
        await vllm.close()

    asyncio.run(run())
