"""The estimate before a weight is loaded: it follows what the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolft_pipeline.training.draw import draw_rows
from toolft_pipeline.training.preflight import Estimate, estimate_training
from toolft_pipeline_tests.training.rows import agent, lesson, write_inputs


def estimate(place: Path, base: Path, **training: Any) -> Estimate:
    inputs = write_inputs(place, lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    return estimate_training(base=base, drawn=drawn, training=agent(base, **training).training)


def test_estimate_weights_are_the_folder_in_bf16_and_less_in_nf4(tiny_model_folder: Path, tmp_path: Path) -> None:
    plain = estimate(tmp_path, tiny_model_folder, quantization="none")
    size = (tiny_model_folder / "model.safetensors").stat().st_size
    assert abs(plain.memory.weights - size) < 10_000  # the file's header
    assert estimate(tmp_path, tiny_model_folder, quantization="nf4").memory.weights < plain.memory.weights


def test_estimate_follows_pack_rank_and_epochs(tiny_model_folder: Path, tmp_path: Path) -> None:
    small = estimate(tmp_path, tiny_model_folder)
    assert estimate(tmp_path, tiny_model_folder, packed_length=192).memory.activations > 2 * small.memory.activations
    assert estimate(tmp_path, tiny_model_folder, batch_size=3).memory.activations == 3 * small.memory.activations
    assert estimate(tmp_path, tiny_model_folder, lora_r=8).memory.adapter == 2 * small.memory.adapter
    assert estimate(tmp_path, tiny_model_folder, epochs=200.0).seconds > 10 * small.seconds


def test_estimate_text_adds_up(tiny_model_folder: Path, tmp_path: Path) -> None:
    found = estimate(tmp_path, tiny_model_folder)
    assert f"about {found.memory.total / 1e9:.1f} GB (libraries 1.0, weights 0.0" in found.text
    assert f"of {found.free / 1e9:.1f} GB free" in found.text
