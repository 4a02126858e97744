"""The compute type follows what the machine multiplies fast, and the log says which and why."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

import pytest
import torch

from toolft_pipeline import compute_type
from toolft_pipeline.compute_type import ComputeType, ProductSpeed, choose_compute_type
from toolft_pipeline_tests.conftest import HANG_S


def chosen_with(**environment: str) -> str:
    """The line of a fresh process: kernels are picked once a process."""
    code = "from toolft_pipeline.compute_type import choose_compute_type as c; print(c('auto').line)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_S,
    )
    return found.stdout.strip()


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="oneDNN's instruction sets of x86")
@pytest.mark.parametrize(
    "environment",
    [
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    ],
    ids=["avx2", "avx512_without_bf16"],
)
def test_compute_type_is_float32_where_bf16_is_emulated(environment: dict[str, str]) -> None:
    line = chosen_with(**environment)
    assert line.startswith("computing in float32: this CPU multiplies bfloat16 at "), line


@pytest.mark.skipif(not torch.cpu._is_amx_tile_supported(), reason="this CPU has no AMX")
def test_compute_type_is_bf16_where_the_cpu_has_amx() -> None:
    assert chosen_with().startswith("computing in bfloat16: this CPU multiplies float32 at ")


@pytest.mark.parametrize(
    ("bf16", "fp32", "line"),
    [
        (14e9, 202e9, "computing in float32: this CPU multiplies bfloat16 at 14 GFLOP/s, float32 at 202"),
        (948e9, 231e9, "computing in bfloat16: this CPU multiplies float32 at 231 GFLOP/s, bfloat16 at 948"),
        (90e9, 90e9, "computing in bfloat16: this CPU multiplies float32 at 90 GFLOP/s, bfloat16 at 90"),
    ],
    ids=["emulated", "native", "equal"],
)
def test_compute_type_line_says_both_speeds(
    bf16: float, fp32: float, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_type, "measure_products", lambda: ProductSpeed(bf16=bf16, fp32=fp32))
    assert choose_compute_type("auto").line == line


@pytest.mark.parametrize(("native", "wanted"), [(True, ComputeType.BF16), (False, ComputeType.FP32)])
def test_compute_type_on_cuda_follows_the_hardware(
    native: bool, wanted: ComputeType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    fake: dict[str, Any] = {
        "is_available": lambda: True,
        "get_device_name": lambda: "Some GPU",
        "is_bf16_supported": supported,
    }
    for name, value in fake.items():
        monkeypatch.setattr(torch.cuda, name, value)
    choice = choose_compute_type("auto")
    assert choice.type is wanted
    assert "Some GPU" in choice.line


@pytest.mark.parametrize("wanted", list(ComputeType))
def test_compute_type_that_settings_name_is_not_measured(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(compute_type, "measure_products")
    choice = choose_compute_type(wanted.value)
    assert choice.type is wanted
    assert choice.line.endswith("training.compute_type says so")
