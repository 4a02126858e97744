"""Failures of the server, and requests that it cannot take, are errors with a fix."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.engines.engine import (
    ContextLengthError,
    EngineBusyError,
    EngineError,
)
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline.settings.serving import EngineName, EngineSettings
from toolft_pipeline_tests.engines.model_folders import STOPS, write_folder
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.engines.vllm.scripts import Fault
from toolft_pipeline_tests.engines.vllm.vllm_requests import chunks, engine, settings


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault(status=429, message="queue full"), EngineBusyError, "queue full"),
        (Fault(status=503, message="overloaded"), EngineBusyError, "send it again later"),
        (Fault(status=500, message="EngineCore died"), EngineError, "EngineCore died.*look at its log"),
        (Fault(status=400, message="max_tokens must be at least 1"), EngineError, "max_tokens must be"),
        (Fault(after=0), EngineError, "broke"),
        (Fault(after=2), EngineError, "broke"),
        (Fault(after=2, kind="error", message="CUDA error"), EngineError, "CUDA error"),
        (Fault(after=2, kind="abort"), EngineError, "abort"),
        (Fault(after=2, kind="done"), EngineError, "broke off before its end"),
    ],
)
def test_failure_of_the_server_is_an_error_with_a_fix(
    server: LocalVllm, fault: Fault, error: type[EngineError], words: str
) -> None:
    server.faults = [fault]
    server.script = lambda ids, _adapter: 7

    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        with pytest.raises(error, match=words) as raised:
            await chunks(vllm, (5, 6))
        assert type(raised.value) is error
        assert server.address in str(raised.value)
        assert vllm.load() == (0, 0)
        assert await chunks(vllm, (5, 6), most=2)  # the next request is answered
        await vllm.close()

    asyncio.run(run())


def test_silent_server_is_an_error_after_the_timeout(server: LocalVllm) -> None:
    server.faults = [Fault(after=1, kind="hang")]
    server.script = lambda ids, _adapter: 7

    async def run() -> None:
        vllm = engine(server, timeout_s=0.2)
        await vllm.start()
        with pytest.raises(EngineError, match=r"no answer within 0\.2 s"):
            await chunks(vllm, (5, 6))
        await vllm.close()

    asyncio.run(run())


@pytest.mark.parametrize("server_s_own", [False, True])
def test_prompt_and_answer_beyond_the_context_are_a_context_error(server: LocalVllm, server_s_own: bool) -> None:
    """Said before anything is sent; and by the server, where it has less room than it said."""

    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        assert vllm.max_context == 512
        if server_s_own:
            server.max_model_len = 100
        with pytest.raises(ContextLengthError, match="context"):
            await chunks(vllm, tuple([5] * 500), most=12 if server_s_own else 13)
        assert len(server.requests) == server_s_own
        await vllm.close()

    asyncio.run(run())


def test_grammar_is_refused_by_name(server: LocalVllm) -> None:
    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        with pytest.raises(EngineError, match=r"serving\.constrained"):
            await chunks(vllm, (5,), grammar="start: /a/")
        await vllm.close()

    asyncio.run(run())


def test_server_of_another_model_is_refused_with_the_command_that_starts_this_one(
    server: LocalVllm, tmp_path: Path
) -> None:
    other = write_folder(tmp_path / "other")
    (other / "model.safetensors").write_bytes(b"other weights")

    async def run() -> None:
        vllm = VllmEngine(settings=settings(server), folder=other, stops=STOPS)
        with pytest.raises(EngineError, match=f"serves {server.name} and not this model.*serve {other}"):
            await vllm.start()

    asyncio.run(run())


def test_key_comes_from_the_environment(server: LocalVllm, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "the-key"

    async def run(**changed: Any) -> None:
        vllm = engine(server, **changed)
        try:
            await vllm.start()
            await chunks(vllm, (5,), most=2)
        finally:
            await vllm.close()

    with pytest.raises(EngineError, match="refuses the key"):
        asyncio.run(run())
    with pytest.raises(EngineError, match="VLLM_KEY is empty"):
        asyncio.run(run(key_from="VLLM_KEY"))
    monkeypatch.setenv("VLLM_KEY", "the-key")
    asyncio.run(run(key_from="VLLM_KEY"))
    assert len(server.requests) == 1


def test_url_beyond_the_loopback_needs_a_key(folder: Path) -> None:
    far = EngineSettings(name=EngineName.VLLM, url="http://gpu.example:8001")
    with pytest.raises(EngineError, match=r"gpu\.example:8001.*serving\.engine\.key_from"):
        asyncio.run(VllmEngine(settings=far, folder=folder, stops=STOPS).start())


def test_url_where_nobody_listens_is_one_clear_line(folder: Path) -> None:
    nobody = EngineSettings(name=EngineName.VLLM, url="http://127.0.0.1:9")
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9: not reached.*start it"):
        asyncio.run(VllmEngine(settings=nobody, folder=folder, stops=STOPS).start())
