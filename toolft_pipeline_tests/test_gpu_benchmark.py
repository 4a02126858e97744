"""The benchmark for CUDA machines, run on the CPU: the script works before anybody has a GPU to try it on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from toolft_pipeline_tests.conftest import REPOSITORY


def run(*arguments: str) -> tuple[list[str], dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments, "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    return said, json.loads(last)


@pytest.mark.slow
def test_gpu_benchmark_quick_measures_every_step_and_says_where() -> None:
    said, found = run("--quick")
    where = "the CPU (no CUDA device here)" if not torch.cuda.is_available() else torch.cuda.get_device_name()
    assert said[0] == f"a tiny shape, random weights, on {where}"
    figures, against = found["figures"], found["against"]
    assert isinstance(figures, dict)
    assert isinstance(against, dict)
    for name in ("ours_256_tokens_per_s", "ours_512_loss_tokens_per_s", "ours_512_peak_gb", "ours_512_estimated_gb"):
        assert figures[name] > 0, name
    assert against["trl_256_tokens_per_s"] > 0
    assert figures["merge_checks_passed"] == 1
    assert figures["decode_tokens_per_s"] > 0


def test_gpu_benchmark_without_a_gpu_measures_nothing_and_says_so() -> None:
    if torch.cuda.is_available():
        return
    said, found = run()
    assert said == ["not measured: no CUDA device here; --quick runs a tiny shape on the CPU"]
    assert found["figures"] == {}
