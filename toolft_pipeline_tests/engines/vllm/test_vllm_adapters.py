"""Adapters are asked by name, loaded behind our door alone, and differ from the base."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.engines.engine import EngineError, ModelGoneError
from toolft_pipeline.engines.vllm_command import adapter_rank
from toolft_pipeline.engines.vllm_engine import VllmEngine
from toolft_pipeline_tests.engines.model_folders import write_adapter
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm, serving
from toolft_pipeline_tests.engines.vllm.vllm_requests import chunks, engine, prompts

CLOSED_DOOR = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"


@pytest.fixture
def doors(server: LocalVllm) -> Iterator[LocalVllm]:
    """A server of the same model that lets adapters change."""
    made = LocalVllm(folder=server.folder, name=server.name, script=server.script, runtime_adapters=True)
    with serving(made) as running:
        yield running


async def started(server: LocalVllm) -> VllmEngine:
    vllm = engine(server)
    await vllm.start()
    return vllm


async def refused(server: LocalVllm, adapter: Path, *, name: str = "desk") -> str:
    """What loading an adapter is refused with."""
    vllm = await started(server)
    with pytest.raises(EngineError) as error:
        await vllm.load_adapter(name, adapter, probes=prompts(1))
    await vllm.close()
    return str(error.value)


def test_adapter_is_asked_by_its_name_and_must_differ_from_the_base(doors: LocalVllm, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")

    async def run() -> None:
        vllm = await started(doors)
        tuned = await vllm.load_adapter("desk", adapter, probes=prompts(3))
        assert doors.adapters == {"desk": str(adapter)}
        await chunks(tuned, (5, 6))
        assert doors.requests[-1]["model"] == "desk"
        await chunks(vllm, (5, 6))
        assert doors.requests[-1]["model"] == doors.name
        await vllm.unload_adapter("desk")
        with pytest.raises(ModelGoneError, match="does not exist"):
            await chunks(tuned, (5, 6))
        doors.ignores_adapters = True
        with pytest.raises(EngineError, match="not applied"):
            await vllm.load_adapter("desk", adapter, probes=prompts(3))
        assert doors.adapters == {}
        await vllm.close()

    asyncio.run(run())


@pytest.mark.parametrize("forbids", [False, True], ids=["404", "403"])
def test_server_without_a_door_for_adapters_says_how_to_open_it(
    server: LocalVllm, doors: LocalVllm, tmp_path: Path, forbids: bool
) -> None:
    doors.proxy_forbids = forbids
    adapter = write_adapter(tmp_path / "adapter")
    assert CLOSED_DOOR in asyncio.run(refused(doors if forbids else server, adapter))


@pytest.mark.parametrize("nested", [True, False])
def test_name_that_is_loaded_already_is_taken_over_from_the_same_folder_alone(
    doors: LocalVllm, tmp_path: Path, nested: bool
) -> None:
    """A server process that was killed leaves its adapter behind; its name and its folder are those of one version."""
    doors.nested_errors = nested
    adapter = write_adapter(tmp_path / "adapter")
    doors.adapters["desk"] = str(adapter)

    async def run() -> None:
        vllm = await started(doors)
        tuned = await vllm.load_adapter("desk", adapter, probes=prompts(1))
        assert await chunks(tuned, (5, 6))
        await vllm.unload_adapter("desk")
        await vllm.unload_adapter("desk")  # gone is gone
        await vllm.close()

    asyncio.run(run())
    doors.adapters["desk"] = "/elsewhere"
    words = asyncio.run(refused(doors, adapter))
    assert "already been loaded" in words
    assert doors.address in words
    assert doors.adapters == {"desk": "/elsewhere"}


def test_adapter_that_the_server_refuses_is_an_error_in_its_words(doors: LocalVllm, tmp_path: Path) -> None:
    for change, words in [
        ({"rank": 128}, "LoRA rank 128 is greater than max_lora_rank 64"),
        ({"target_modules": ["c_attn"]}, r"expected target modules in .* received \['c_attn'\]"),
    ]:
        message = asyncio.run(refused(doors, write_adapter(tmp_path / "adapter", **change)))  # type: ignore[arg-type]
        assert re.search(f"cannot load the adapter desk of .*{words}", message), message
    assert not doors.adapters


def test_wrong_key_is_said(doors: LocalVllm, tmp_path: Path) -> None:
    async def run() -> None:
        vllm = await started(doors)
        doors.key = "another"
        with pytest.raises(EngineError, match="refuses the key"):
            await vllm.load_adapter("desk", write_adapter(tmp_path / "adapter"), probes=prompts(1))
        await vllm.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias: all"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": 4}}, "alpha_pattern"),
        ({"peft_type": "IA3"}, "peft_type IA3"),
        ({"use_dora": True, "trainable_token_indices": [1]}, r"DoRA.*trainable_token_indices"),
    ],
)
def test_adapters_that_vllm_would_apply_otherwise_are_refused_before_it_is_asked(
    doors: LocalVllm, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    """vLLM passes over the patterns: the adapter would be loaded, with one alpha for all modules."""
    message = asyncio.run(refused(doors, write_adapter(tmp_path / "adapter", **config)))
    assert re.search(f"cannot serve an adapter with .*{words}.*serving.engine.adapters", message), message
    assert not doors.events


def test_folder_of_all_weights_is_no_adapter(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    with pytest.raises(EngineError, match=r"training\.method: full"):
        adapter_rank(tmp_path)
