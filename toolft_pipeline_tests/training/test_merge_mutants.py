"""A right merge passes and a wrong one fails, whatever the family: five ways to merge wrongly, four families."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from toolft_pipeline.settings import AgentSettings, TrainingSettings
from toolft_pipeline.training.base.base_model import convert_base_model
from toolft_pipeline.training.base.quantized import load_base
from toolft_pipeline.training.lora.adapter_config import lora_config
from toolft_pipeline.training.merging.merge import merge_adapter, merge_in_memory
from toolft_pipeline.training.merging.merge_checks import MergeReference, compare_merged, merge_reference, probe_prompts
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.family_snapshots import FAMILIES, write_snapshot
from toolft_pipeline_tests.training.made_rows import merge_settings

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A base, an adapter for it, the two merged as the pipeline does it, and what that should be."""

    base: Path
    adapter: Path
    out: Path
    checks: dict[str, dict[str, Any]]
    expected: MergeReference


def write_adapter(base: Path, folder: Path, *, seed: int) -> None:
    """An adapter as if it had been trained: what it adds is some tenths of what the base's rounding takes."""
    from peft import get_peft_model

    model = load_base(base, quantization="nf4", device=torch.device("cpu"))
    config = lora_config(TrainingSettings(lora_r=4, lora_alpha=8), modules=[name for name, _ in model.named_modules()])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config)
        for name, parameter in adapted.named_parameters():
            if ".lora_B" in name:
                parameter.data = 0.02 * torch.randn_like(parameter.data)
    adapted.save_pretrained(folder, save_embedding_layers=False)


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp(request.param)
    write_snapshot(place / "snapshot", request.param)
    settings: AgentSettings = agent(
        place, base_model={"folder": str(place / "snapshot")}, chat={"format": request.param}
    )
    convert_base_model(settings=settings, out=place, progress=lambda _line: None)
    base, adapter, out = place / "model", place / "adapter", place / "out"
    write_adapter(base, adapter, seed=1)
    out.mkdir()
    merge_adapter(
        base=base, adapter=adapter, **merge_settings(settings), lineage={}, out=out, progress=lambda _line: None
    )
    rows = probe_prompts(AutoTokenizer.from_pretrained(out / "model"))
    expected = merge_reference(base=base, adapter=adapter, method="qlora", rows=rows, device=model_device())
    checks = json.loads((out / "checks.json").read_text())
    return Made(base=base, adapter=adapter, out=out, checks=checks, expected=expected)


def test_correct_merge_passes_within_its_own_rounding(made: Made) -> None:
    assert all(check["passed"] for check in made.checks.values()), made.checks
    logits = made.checks["merged_logits"]
    assert logits["relative_error"] < 0.7 * logits["allowed"]
    assert logits["weights_off"] < 0.5


def _scaled(tensors: dict[str, torch.Tensor], by: float) -> dict[str, torch.Tensor]:
    return {name: tensor * by if ".lora_B" in name else tensor for name, tensor in tensors.items()}


def _one_missed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    missed = next(name for name in sorted(tensors) if ".lora_B" in name)
    return {name: torch.zeros_like(tensor) if name == missed else tensor for name, tensor in tensors.items()}


MUTANTS: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "half_applied": lambda tensors: _scaled(tensors, 0.5),
    "wrong_alpha": lambda tensors: _scaled(tensors, 2.0),
    "not_applied": lambda tensors: _scaled(tensors, 0.0),
    "one_module_missed": _one_missed,
}


@pytest.mark.parametrize("mutant", [*MUTANTS, "stale_adapter", "weights_that_were_never_rounded"])
def test_wrong_merge_fails(mutant: str, made: Made, tmp_path: Path) -> None:
    adapter, method = made.adapter, "qlora"
    if mutant in MUTANTS:
        adapter = tmp_path / "adapter"
        shutil.copytree(made.adapter, adapter)
        save_file(MUTANTS[mutant](load_file(adapter / WEIGHTS)), adapter / WEIGHTS, metadata={"format": "pt"})
    elif mutant == "stale_adapter":
        adapter = tmp_path / "adapter"
        write_adapter(made.base, adapter, seed=2)
    else:
        method = "lora"
    merged = merge_in_memory(made.base, adapter, method=method, device=model_device())
    found = compare_merged(merged.to(made.expected.dtype), made.expected)
    assert not found["passed"], found
    assert found["weights_off"] > 1


def test_weight_that_no_adapter_touches_is_seen_in_the_logits(made: Made) -> None:
    merged = AutoModelForCausalLM.from_pretrained(made.out / "model", dtype=torch.bfloat16)
    norm = [module for name, module in merged.named_modules() if name.endswith(".norm")][-1]
    norm.weight.data = norm.weight.data * 3 + 1
    found = compare_merged(merged.to(made.expected.dtype), made.expected)
    assert not found["passed"], found
    assert found["weights_off"] <= 1


def test_smallest_change_of_an_unadapted_weight_fails(made: Made) -> None:
    merged = AutoModelForCausalLM.from_pretrained(made.out / "model", dtype=torch.bfloat16)
    norm = [module for name, module in merged.named_modules() if name.endswith(".norm")][-1]
    norm.weight.data[0] += 2 * torch.finfo(torch.bfloat16).eps
    found = compare_merged(merged.to(made.expected.dtype), made.expected)
    assert found["relative_error"] <= found["allowed"], "the logits alone would show it"
    assert not found["passed"], found
    assert found["untouched_changed_first"].endswith("norm.weight")
