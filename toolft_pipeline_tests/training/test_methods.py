"""`training.method`: all weights are trained, resumed, merged and loaded; LoRA over an unquantized base is too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.model_loading import load_model
from toolft_pipeline.training.merging.adapter_on_base import MergeError
from toolft_pipeline.training.merging.merge import merge_adapter, merge_in_memory
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.made_rows import agent, lesson, merge_settings
from toolft_pipeline_tests.training.test_train_adapter import adapter_bytes, train

WITH_TESTS = os.environ | {"PYTHONPATH": str(REPOSITORY)}

FULL: dict[str, Any] = {"method": "full", "learning_rate": 2e-3, "epochs": 1.0}


@dataclass(frozen=True, kw_only=True)
class Made:
    base: Path
    out: Path
    said: list[str]


@pytest.fixture(scope="module")
def full(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out, said = train(tmp_path_factory.mktemp("full"), tiny_model_folder, lesson(), **FULL)
    return Made(base=tiny_model_folder, out=out, said=said)


def merge(base: Path, trained: Path, out: Path, **training: Any) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    settings = merge_settings(agent(base, **training))
    merge_adapter(base=base, adapter=trained, **settings, lineage={}, out=out, progress=lambda _line: None)
    checks: dict[str, Any] = json.loads((out / "checks.json").read_text())
    return checks


def test_full_trains_every_weight_and_publishes_them_in_bf16(full: Made) -> None:
    before, after = load_file(full.base / "model.safetensors"), load_file(full.out / "adapter" / "model.safetensors")
    assert before.keys() == after.keys()
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    assert not [name for name in before if torch.equal(before[name], after[name])]
    assert not (full.out / "adapter" / "adapter_config.json").exists()
    losses = pq.read_table(full.out / "progress.parquet").column("loss").to_pylist()
    assert losses[-1] < losses[0] - 0.5
    assert str(full.out.parent) not in (full.out / "adapter" / "config.json").read_text()


def test_full_merged_model_is_the_trained_weights_bit_for_bit(full: Made, tmp_path: Path) -> None:
    checks = merge(full.base, full.out / "adapter", tmp_path, **FULL)
    assert all(check["passed"] for check in checks.values()), checks
    assert checks["merged_logits"]["relative_error"] == 0 < checks["merged_logits"]["adapter_effect"]
    trained = load_file(full.out / "adapter" / "model.safetensors")
    served = load_file(tmp_path / "model" / "model.safetensors")
    assert served.keys() == trained.keys()
    assert all(torch.equal(served[name], trained[name]) for name in trained)
    assert load_model(tmp_path / "model", compute=ComputeType.BF16).config.architectures
    assert "all weights (full fine-tuning)" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(("change", "says"), [("missing", "missing or unexpected"), ("nan", "not finite")])
def test_full_weights_that_are_damaged_are_refused(full: Made, tmp_path: Path, change: str, says: str) -> None:
    for path in (full.out / "adapter").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    name = next(name for name in sorted(tensors) if "down_proj" in name)
    if change == "missing":
        del tensors[name]
    else:
        tensors[name][0, 0] = float("nan")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MergeError, match=says):
        merge_in_memory(full.base, tmp_path, method="full", device=model_device())


@pytest.mark.slow
def test_full_killed_in_a_checkpoint_resumes_to_same_bytes(full: Made, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolft_pipeline_tests.training.killed_run", str(tmp_path), str(full.base)]
    killed = subprocess.run(
        [*command, json.dumps(FULL)], capture_output=True, text=True, check=False, timeout=HANG_S, env=WITH_TESTS
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    out, said = train(tmp_path, full.base, lesson(), **FULL)
    assert "resuming after step 2" in said
    assert adapter_bytes(out) == adapter_bytes(full.out)


def test_full_needs_more_memory_than_an_adapter_and_says_what_fits(full: Made) -> None:
    line = next(line for line in full.said if "trained parameters and optimizer" in line)
    assert "GB free" in line


def test_lora_over_the_unquantized_base_is_trained_and_merged(tiny_model_folder: Path, tmp_path: Path) -> None:
    out, said = train(tmp_path, tiny_model_folder, lesson(), method="lora")
    assert not any("4 bit" in line for line in said)
    checks = merge(tiny_model_folder, out / "adapter", tmp_path / "merged", method="lora")
    assert all(check["passed"] for check in checks.values()), checks
    assert "bf16 (LoRA)" in (tmp_path / "merged" / "README.md").read_text()
