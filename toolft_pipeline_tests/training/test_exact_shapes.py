"""Preflight on the exact shapes of the models that this project is for; no weight exists, not even a random one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight.memory_estimate import MemoryEstimate, estimate_memory
from toolft_pipeline.training.preflight.model_shape import ModelShape, read_shape
from toolft_pipeline.training.preflight.run_plan import RunPlan
from toolft_pipeline_tests.training.hub_configs import CONFIGS

# Parameters of the whole checkpoint in billions, as the model cards give them, and adapter parameters in millions of
# rank 16 on all seven projections, by hand: layers x 16 x the sum of each projection's inputs and outputs.
PUBLISHED = {
    "gemma-3-4b": (4.30, 34 * 16 * (2560 + 2048 + 2 * (2560 + 1024) + 2048 + 2560 + 3 * (2560 + 10_240)) / 1e6),
    "gemma-4-e4b": (8.0, 34.9),
    "qwen3-4b": (4.02, 36 * 16 * (2560 + 4096 + 2 * (2560 + 1024) + 4096 + 2560 + 3 * (2560 + 9728)) / 1e6),
    "qwen3-8b": (8.19, 36 * 16 * (4096 + 4096 + 2 * (4096 + 1024) + 4096 + 4096 + 3 * (4096 + 12_288)) / 1e6),
    "llama-3.1-8b": (8.03, 32 * 16 * (4096 + 4096 + 2 * (4096 + 1024) + 4096 + 4096 + 3 * (4096 + 14_336)) / 1e6),
    "llama-3.2-3b": (3.21, 28 * 16 * (3072 + 3072 + 2 * (3072 + 1024) + 3072 + 3072 + 3 * (3072 + 8192)) / 1e6),
}


def shape_of(name: str, place: Path) -> ModelShape:
    (place / "config.json").write_text(json.dumps(CONFIGS[name]))
    return read_shape(place, TrainingSettings())


def on_cuda(shape: ModelShape, *, tokens: int, checkpointing: bool = True, quantized: bool = True) -> MemoryEstimate:
    return estimate_memory(
        shape=shape,
        plan=RunPlan(
            device="cuda",
            tokens=tokens,
            loss_positions=tokens // 2,
            checkpointing=checkpointing,
            full=False,
            attention="sdpa",
            attended=float(tokens),
            fused_loss=True,
            kl=False,
            quantized=quantized,
            dropout=shape.dropout,
            compute_bytes=2,
            optimizer_bytes=10.1,
        ),
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_shape_of_a_sparse_hub_config_counts_what_is_published(name: str, tmp_path: Path) -> None:
    shape = shape_of(name, tmp_path)
    parameters, adapter = PUBLISHED[name]
    assert (shape.linear + shape.other) / 1e9 == pytest.approx(parameters, rel=0.03)
    assert shape.trained / 1e6 == pytest.approx(adapter, rel=0.001)


def test_estimate_of_a_4b_effective_model_is_as_published(tmp_path: Path) -> None:
    """Gemma 4 E4B, 4-bit, one packed row, checkpointing: about 14 GB in all."""
    shape = shape_of("gemma-4-e4b", tmp_path)
    assert 10.5e9 < on_cuda(shape, tokens=2048).total < 16e9


@pytest.mark.parametrize(("tokens", "at_most"), [(1024, 8e9), (4096, 12e9)])
def test_estimate_with_checkpointing_fits_a_common_gpu(tokens: int, at_most: float, tmp_path: Path) -> None:
    """Once it asked for 42.9 GB at 1,024 tokens and 104.7 GB at 4,096."""
    assert on_cuda(shape_of("qwen3-4b", tmp_path), tokens=tokens).total < at_most


def test_estimate_knows_checkpointing_and_quantization(tmp_path: Path) -> None:
    shape = shape_of("llama-3.1-8b", tmp_path)
    checkpointed, kept = on_cuda(shape, tokens=4096), on_cuda(shape, tokens=4096, checkpointing=False)
    assert kept.activations > 5 * checkpointed.activations
    assert on_cuda(shape, tokens=4096, quantized=False).weights == pytest.approx(2 * 8.03e9, rel=0.01)
