"""Sizing from a model's shape: a length fits exactly where its memory does, and what is said to help does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight.model_shape import read_shape
from toolft_pipeline.training.preflight.sizing import LENGTH_STEP, SizedRun
from toolft_pipeline_tests.training.hub_configs import CONFIGS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SizedRun:
    place = tmp_path_factory.mktemp("llama")
    (place / "config.json").write_text(json.dumps(CONFIGS["llama-3.1-8b"]))
    training = TrainingSettings(method="lora", batch_size=2)
    shape = read_shape(place, training)
    return SizedRun(shape=shape, training=training, device=torch.device("cuda"), compute=ComputeType.BF16)


def test_longest_length_fits_and_the_next_does_not(run: SizedRun) -> None:
    longest = run.longest(24e9)
    assert longest
    assert run.memory(longest).total <= 24e9 < run.memory(longest + LENGTH_STEP).total
    assert run.longest(8e9) is None
    assert run.longest(1e15) == run.longest_tried


def test_positions_of_the_model_limit_the_length(run: SizedRun) -> None:
    short = replace(run, shape=replace(run.shape, positions=8192))
    assert short.longest(1e15) == 8192


def test_what_helps_makes_the_length_fit(run: SizedRun) -> None:
    assert run.memory(4096).total > 24e9
    said = run.fitting(4096, 24e9)
    assert any(text.startswith("training.method=qlora") for text in said)
    assert any(text.startswith("training.batch_size=1 with training.gradient_accumulation=16") for text in said)
    for change in ({"method": "qlora"}, {"batch_size": 1}):
        changed = replace(run, training=run.training.model_copy(update=change))
        assert changed.memory(4096).total <= 24e9
    assert run.fitting(4096, 1e9) == []


def test_parts_add_up_to_the_total(run: SizedRun) -> None:
    for device in ("cpu", "cuda"):
        memory = replace(run, device=torch.device(device)).memory(1024)
        assert memory.total == pytest.approx(sum(memory.parts.values()))
        assert min(memory.parts.values()) >= 0
