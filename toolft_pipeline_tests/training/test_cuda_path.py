"""The path of a model on a GPU, run on a pretended one that raises where two devices meet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from toolft_pipeline.training.runtime.free_memory import free_memory
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.pretended_cuda import CPU, CUDA, TwoDevicesError, pretended_cuda


def test_pretended_device_raises_if_two_devices_meet() -> None:
    with pretended_cuda():
        there, here = torch.arange(4.0, device="cuda"), torch.arange(4.0)
        assert (there.device, here.device, there.is_cuda) == (CUDA, CPU, True)
        assert (there + 1).sum().item() == 10
        assert (there * torch.tensor(2.0)).device == CUDA, "a number on the CPU may meet any device"
        assert there.cpu().device == CPU
        assert torch.equal(there.cpu(), here)
        moved = torch.nn.Linear(4, 2).to("cuda")
        assert moved(there).device == moved.weight.device == CUDA
        with pytest.raises(TwoDevicesError, match="tensors on cpu and cuda:0"):
            there - here
        with pytest.raises(TwoDevicesError):
            moved(here)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()


def test_model_device_is_the_accelerator_where_it_has_room() -> None:
    assert model_device() == CPU
    with pretended_cuda(memory=1000):
        assert model_device() == CUDA
        assert model_device(bytes_needed=1000) == CUDA
        assert model_device(bytes_needed=1001) == CPU


def test_free_memory_is_that_of_the_device_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended_cuda(memory=1000):
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 500)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 200)
        assert free_memory(CUDA) == 1300, "what PyTorch keeps in store is free"
        assert free_memory(CPU) > 10_000_000


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_cuda_path_runs_on_one_device(method: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "toolft_pipeline_tests.training.cuda_path", str(tmp_path), method],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert (found["decoded_on"], found["answered"], found["steps"]) == ("cuda:0", 3, 2)
    (kernels,) = [line for line in found["said"] if line.startswith("attention: ")]
    assert kernels.startswith("attention: sdpa (")
    assert kernels.endswith("Liger kernels not used (liger-kernel is not installed)")
    for checks in (found["checks"], found["checks_without_room"]):
        assert all(check["passed"] for check in checks.values()), checks
