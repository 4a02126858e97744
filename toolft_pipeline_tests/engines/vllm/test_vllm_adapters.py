"""Adapters are asked by name, loaded behind our door alone, and differ from the base."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from toolft_pipeline.engines.engine import (
    EngineError,
)
from toolft_pipeline_tests.engines.model_folders import write_adapter
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm, serving
from toolft_pipeline_tests.engines.vllm.vllm_requests import chunks, engine, prompts


def test_adapter_is_asked_by_its_name_and_must_differ_from_the_base(server: LocalVllm, tmp_path: Path) -> None:
    server.runtime_adapters = True
    adapter = write_adapter(tmp_path / "adapter")
    with serving(
        LocalVllm(folder=server.folder, name=server.name, script=server.script, runtime_adapters=True)
    ) as doors:

        async def run() -> None:
            vllm = engine(doors)
            await vllm.start()
            tuned = await vllm.load_adapter("desk", adapter, probes=prompts(3))
            assert doors.adapters == {"desk": str(adapter)}
            await chunks(tuned, (5, 6))
            assert doors.requests[-1]["model"] == "desk"
            await chunks(vllm, (5, 6))
            assert doors.requests[-1]["model"] == doors.name
            await vllm.unload_adapter("desk")
            with pytest.raises(EngineError, match="does not exist"):
                await chunks(tuned, (5, 6))
            doors.ignores_adapters = True
            with pytest.raises(EngineError, match="not applied"):
                await vllm.load_adapter("desk", adapter, probes=prompts(3))
            assert doors.adapters == {}
            await vllm.close()

        asyncio.run(run())


def test_server_without_a_door_for_adapters_says_how_to_open_it(server: LocalVllm, tmp_path: Path) -> None:
    async def run() -> None:
        vllm = engine(server)
        await vllm.start()
        with pytest.raises(EngineError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
            await vllm.load_adapter("desk", write_adapter(tmp_path / "adapter"), probes=prompts(1))
        await vllm.close()

    asyncio.run(run())
