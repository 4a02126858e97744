"""llama.cpp's real server as a process: its slots, its key, its end, a file that it cannot load."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from pathlib import Path

import pytest

from toolft_pipeline.engines.engine import DecodeRequest, EngineError
from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.engines.llama_cpp.llama_cpp_requests import (
    Started,
    ask,
    make,
    prompts,
)
from toolft_pipeline_tests.engines.random_models import STOPS

pytest.importorskip("xllamacpp", reason="no llama.cpp: pip install -e '.[llama-cpp]'")


def test_closing_the_iterator_frees_the_slot(gemma: Started) -> None:
    """With both slots left running, their 850 tokens each would be counted when the next requests have ended.

    A busy machine may let one of them run to its end before it closes the connection.
    """
    runner, engine = gemma
    assert engine._client is not None
    client = engine._client

    async def generated() -> int:
        found = re.search(r"^llamacpp:tokens_predicted_total (\d+)", (await client.get("/metrics")).text, re.MULTILINE)
        assert found
        return int(found[1])

    async def run() -> None:
        before = await generated()
        for ids in [ids for ids in prompts(600) if len(ids) > 1][:2]:
            request = DecodeRequest(ids=ids, max_new_tokens=850)
            async with aclosing(engine.stream(request)) as answer:  # type: ignore[type-var]
                await anext(answer)
        assert engine.load() == (0, 0)
        for ids in prompts(600)[:4]:  # fill both slots again
            await ask(engine, ids, most=2)
        assert await generated() - before < 2 * 850

    runner.run(run())


def test_key_is_needed_and_not_in_the_command_line(gemma: Started) -> None:
    import httpx
    import psutil

    runner, engine = gemma
    assert engine._client is not None
    client = engine._client
    key = client.headers["authorization"].removeprefix("Bearer ")

    async def run() -> int:
        async with httpx.AsyncClient(base_url=client.base_url) as stranger:
            return (await stranger.post("/completion", json={"prompt": [400], "n_predict": 1})).status_code

    assert runner.run(run()) == 401
    own = psutil.Process().children(recursive=True)
    served = [process.cmdline() for process in own if "toolft_pipeline.engines.llama_cpp_server" in process.cmdline()]
    assert served
    assert not any(key in " ".join(line) for line in served)


def test_process_that_dies_is_an_error_and_a_second_close_does_nothing(folders: dict[str, Path], scratch: Path) -> None:
    import psutil

    async def run() -> None:
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        engine = make(folders["gemma3"], scratch)
        await engine.start()
        assert engine.failure is None
        own = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
        async with aclosing(engine.stream(DecodeRequest(ids=(400, 401), max_new_tokens=900))) as answer:  # type: ignore[type-var]
            await anext(answer)
            for process in own:
                if "toolft_pipeline.engines.supervisor" not in process.cmdline():
                    process.kill()
            with pytest.raises(EngineError, match=r"llama\.cpp: its process ended"):
                async for _ in answer:
                    pass
        assert str(engine.failure).startswith("llama.cpp: its process has ended")
        await engine.close()
        assert engine.failure is None
        await engine.close()
        with pytest.raises(EngineError, match="being closed"):
            await ask(engine, (400,))

    asyncio.run(run())


def test_file_that_llama_cpp_cannot_load_is_quoted(folders: dict[str, Path], scratch: Path) -> None:
    from toolft_pipeline.engines.gguf_cache import exported_model

    exports = scratch / "broken"
    path = exported_model(folders["gemma3"], quantization="F32", stops=STOPS["gemma3"], cache=exports)
    path.write_bytes(path.read_bytes()[:10_000])

    async def run() -> None:
        settings = EngineSettings.model_validate({"name": "llama_cpp", "quantization": "F32", "context_tokens": 256})
        engine = LlamaCppEngine(settings=settings, folder=folders["gemma3"], stops=STOPS["gemma3"], exports=exports)
        with pytest.raises(
            EngineError, match=r"llama\.cpp: its process ended while it started; its last lines: .*failed to"
        ):
            await engine.start()

    asyncio.run(run())
