"""The estimate before a weight is loaded: it follows what the settings ask for."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.preflight.preflight import TrainingEstimate, check_fit, estimate_training
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.training.sft import cpu_lora
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs


def estimate(place: Path, base: Path, **training: Any) -> TrainingEstimate:
    inputs = write_inputs(place, lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    return estimate_training(base=base, drawn=drawn, training=agent(base, **training).training)


def test_estimate_weights_are_the_folder_in_bf16_and_less_in_nf4(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = estimate(tmp_path, tiny_model_folder, method="lora")
    size = (tiny_model_folder / "model.safetensors").stat().st_size
    assert abs(plain.memory.weights - size) < 10_000  # the file's header
    with_kept = estimate(tmp_path, tiny_model_folder, method="qlora").memory.weights
    monkeypatch.setattr(cpu_lora, "MAX_KEPT_BYTES", 0)
    in_4_bit = estimate(tmp_path, tiny_model_folder, method="qlora").memory.weights
    assert in_4_bit < plain.memory.weights < with_kept < plain.memory.weights + in_4_bit


def test_estimate_follows_pack_rank_and_epochs(tiny_model_folder: Path, tmp_path: Path) -> None:
    small = estimate(tmp_path, tiny_model_folder)
    assert estimate(tmp_path, tiny_model_folder, packed_length=192).memory.activations > 1.9 * small.memory.activations
    assert estimate(tmp_path, tiny_model_folder, batch_size=3).memory.activations > 2.9 * small.memory.activations
    assert estimate(tmp_path, tiny_model_folder, lora_r=8).memory.trained == 2 * small.memory.trained
    assert estimate(tmp_path, tiny_model_folder, epochs=200.0).seconds > 10 * small.seconds


def test_estimate_text_adds_up(tiny_model_folder: Path, tmp_path: Path) -> None:
    found = estimate(tmp_path, tiny_model_folder)
    assert f"about {found.memory.total / 1e9:.1f} GB (libraries 0.6, weights 0.0, mapped file 0.0" in found.text
    assert f"of {found.free / 1e9:.1f} GB free" in found.text


def test_estimate_of_processes_on_a_cpu_is_for_each_and_all_must_fit(tiny_model_folder: Path, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    said = list[str]()
    one, two = (
        check_fit(
            base=tiny_model_folder,
            drawn=drawn,
            training=agent(tiny_model_folder, processes=count).training,
            compute=ComputeType.FP32,
            progress=said.append,
            processes=count,
        )
        for count in (1, 2)
    )
    assert two.memory.trained == one.memory.trained * 20 / 16  # and the copy of the gradient that they exchange
    assert "for each of 2 processes, of " in said[-1]
    for count, fits in ((1, True), (2, False)):
        assert replace(one, processes=count, free=1.5 * one.memory.total).fits is fits


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="oneDNN's instruction sets of x86")
def test_estimate_is_longer_with_an_emulated_compute_type(tiny_model_folder: Path, tmp_path: Path) -> None:
    """By AVX2 alone a bf16 product takes some four to ten times what it takes in float32; the estimate must show it.

    Speeds are measured, and other work on the machine makes one of them seem slow: of up to three measurements the
    fastest counts.
    """
    inputs = write_inputs(tmp_path, lesson())
    days = {day: str(path) for day, path in inputs.tensors.items()}
    fastest = [math.inf, math.inf]
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", ESTIMATES, str(inputs.selection), json.dumps(days), str(tiny_model_folder)],
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=True,
            timeout=HANG_S,
        )
        fastest = [min(pair) for pair in zip(fastest, json.loads(done.stdout.splitlines()[-1]), strict=True)]
        if fastest[0] > 2 * fastest[1]:
            return
    raise AssertionError(f"bf16 takes {fastest[0]} s and float32 {fastest[1]} s by estimate")


ESTIMATES = """
import dataclasses, json, sys
from pathlib import Path
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.training.preflight.model_shape import read_shape
from toolft_pipeline.training.preflight.time_estimate import estimate_seconds
from toolft_pipeline_tests.training.made_rows import agent

selection, days, base = sys.argv[1:]
drawn = draw_rows(selection=Path(selection), tensors=json.loads(days), token_budget=None)
training = agent(Path(base), packed_length=512).training
shape = dataclasses.replace(read_shape(Path(base), training), hidden=640, intermediate=2048, linear=100_000_000)
print(json.dumps([
    estimate_seconds(shape=shape, drawn=drawn, training=training, compute=type_) for type_ in ComputeType
]))
"""
