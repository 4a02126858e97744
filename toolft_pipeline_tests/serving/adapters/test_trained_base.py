"""The folder that adapters are served over: the warehouse's own, or a dequantized copy that is written once."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from safetensors.torch import load_file

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.serving.adapters.trained_base import trained_base
from toolft_pipeline.serving.served_model import ServedAdapter


@pytest.fixture
def qlora(tiny_model_folder: Path, tmp_path: Path) -> ServedAdapter:
    return ServedAdapter(folder=tmp_path, base=tiny_model_folder, base_digest="0123456789" * 6, quantization="nf4")


def test_base_of_a_bf16_adapter_is_the_warehouse_s(qlora: ServedAdapter, tmp_path: Path) -> None:
    plain = dataclasses.replace(qlora, quantization="none")
    assert asyncio.run(trained_base(plain, cache=tmp_path)) == plain.base


def test_base_of_a_qlora_adapter_is_written_once(qlora: ServedAdapter, tmp_path: Path) -> None:
    lines: list[str] = []
    cache = tmp_path / "cache"

    async def run() -> list[Path]:
        together = await asyncio.gather(*(trained_base(qlora, cache=cache, progress=lines.append) for _ in range(2)))
        return [*together, await trained_base(qlora, cache=cache, progress=lines.append)]

    (first, second, third) = asyncio.run(run())
    assert first == second == third
    assert len(lines) == 2  # the third found it
    assert [path.name for path in cache.iterdir()] == [first.name]
    stored, base = load_file(first / "model.safetensors"), load_file(qlora.base / "model.safetensors")
    assert stored.keys() == base.keys()
    assert any((stored[name] != base[name]).any() for name in stored)


def test_base_that_cannot_be_written_is_one_line_and_leaves_nothing(qlora: ServedAdapter, tmp_path: Path) -> None:
    broken, cache = dataclasses.replace(qlora, base=tmp_path / "nothing"), tmp_path / "cache"
    with pytest.raises(EngineError, match=r"could not be dequantized.*serving\.engine\.adapters to false"):
        asyncio.run(trained_base(broken, cache=cache))
    assert not list(cache.iterdir())
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EngineError, match="XDG_CACHE_HOME"):
        asyncio.run(trained_base(qlora, cache=tmp_path / "file"))
