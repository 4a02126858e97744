"""The merge: a folder that equals adapter on base, and checks that turn red when it does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.merging.adapter_on_base import MergeError
from toolft_pipeline.training.merging.merge import MergeSummary, merge_adapter
from toolft_pipeline.training.merging.merge_checks import check_merge, greedy_continuations, probe_prompts
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.made_rows import merge_settings

LINEAGE = {"qlora_adapter": "sha256:aa", "base_model": "sha256:bb"}


@dataclass(frozen=True, kw_only=True)
class Merged:
    out: Path
    summary: MergeSummary
    generated: list[list[int]]

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads((self.out / "checks.json").read_text())
        return found


@pytest.fixture(scope="module")
def merged(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    out = tmp_path_factory.mktemp("merged")
    summary = merge_adapter(
        base=trained.base,
        adapter=trained.out / "adapter",
        **merge_settings(computing_in(trained.settings, "bf16")),
        lineage=LINEAGE,
        out=out,
        progress=trained.said.append,
    )
    folder = out / "model"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    return Merged(
        out=out,
        summary=summary,
        generated=greedy_continuations(model, probe_prompts(AutoTokenizer.from_pretrained(folder))),
    )


def corrupted(file: Path, change: str, *, into: Path) -> Path:
    """A copy of a folder with one tensor of its file changed."""
    folder = into / "corrupted"
    shutil.copytree(file.parent, folder)
    tensors = load_file(folder / file.name)
    name = next(name for name in sorted(tensors) if "down_proj" in name and "lora_A" not in name)
    if change == "nan":
        tensors[name][0, 0] = float("nan")
    elif change == "missing":
        del tensors[name]
    else:
        tensors[name] = -8 * tensors[name]
    save_file(tensors, folder / file.name, metadata={"format": "pt"})
    return folder


def computing_in(settings: AgentSettings, compute_type: str) -> AgentSettings:
    training = settings.training.model_copy(update={"compute_type": compute_type})
    return settings.model_copy(update={"training": training})


def trained_on(trained: Trained) -> dict[str, Any]:
    return {
        "base": trained.base,
        "adapter": trained.out / "adapter",
        "method": trained.settings.training.method,
        "compute": ComputeType.BF16,
        "device": model_device(),
    }


def test_merge_checks_are_green_and_the_adapter_matters(merged: Merged) -> None:
    assert all(check["passed"] for check in merged.checks.values()), merged.checks
    logits = merged.checks["merged_logits"]
    assert logits["relative_error"] < logits["adapter_effect"] / 3
    assert merged.checks["reload_same_tokens"]["tokens"] == 64


def test_merge_folder_is_bf16_and_serves_the_saved_template(merged: Merged) -> None:
    folder = merged.out / "model"
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template
    assert tokenizer.response_template["fields"]
    stops = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    assert tokenizer.convert_tokens_to_ids("<end_of_turn>") in stops
    for path in merged.out.rglob("*.json"):
        assert str(merged.out.parent) not in path.read_text(), path


def test_merge_card_has_lineage_and_checks(merged: Merged) -> None:
    card = (merged.out / "README.md").read_text()
    assert "| base_model | `sha256:bb` |" in card
    assert "| merged_logits | passed |" in card


def test_merge_again_gives_the_same_bytes(merged: Merged, trained: Trained, tmp_path: Path) -> None:
    merge_adapter(
        base=trained.base,
        adapter=trained.out / "adapter",
        **merge_settings(computing_in(trained.settings, "bf16")),
        lineage=LINEAGE,
        out=tmp_path,
        progress=trained.said.append,
    )
    for path in (path for path in merged.out.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(merged.out)).read_bytes() == path.read_bytes(), path.name


def test_merge_in_float32_saves_the_same_weights(merged: Merged, trained: Trained, tmp_path: Path) -> None:
    said: list[str] = []
    merge_adapter(
        base=trained.base,
        adapter=trained.out / "adapter",
        **merge_settings(computing_in(trained.settings, "fp32")),
        lineage=LINEAGE,
        out=tmp_path,
        progress=said.append,
    )
    weights = "model/model.safetensors"
    assert (tmp_path / weights).read_bytes() == (merged.out / weights).read_bytes()
    assert all(check["passed"] for check in json.loads((tmp_path / "checks.json").read_text()).values())
    assert any(line.startswith("computing in float32") for line in said)


def test_merge_checks_fail_for_an_adapter_changed_afterwards(merged: Merged, trained: Trained, tmp_path: Path) -> None:
    adapter = corrupted(trained.out / "adapter" / "adapter_model.safetensors", "scaled", into=tmp_path)
    checks = check_merge(
        **trained_on(trained) | {"adapter": adapter}, merged=merged.out / "model", generated=merged.generated
    )
    assert not checks["merged_logits"]["passed"]
    assert checks["reload_same_tokens"]["passed"]


def test_merge_checks_weights_changed_on_disk_turn_both_red(merged: Merged, trained: Trained, tmp_path: Path) -> None:
    folder = corrupted(merged.out / "model" / "model.safetensors", "scaled", into=tmp_path)
    checks = check_merge(**trained_on(trained), merged=folder, generated=merged.generated)
    assert not checks["merged_logits"]["passed"]
    assert not checks["reload_same_tokens"]["passed"]


def test_merge_checks_unmerged_base_turns_logits_red(trained: Trained, merged: Merged, tmp_path: Path) -> None:
    folder = tmp_path / "unmerged"
    shutil.copytree(merged.out / "model", folder)
    shutil.copy(trained.base / "model.safetensors", folder)
    checks = check_merge(**trained_on(trained), merged=folder, generated=merged.generated)
    assert not checks["merged_logits"]["passed"]


def test_merge_checks_fail_for_a_merge_into_other_weights(trained: Trained, merged: Merged, tmp_path: Path) -> None:
    assert trained.settings.training.method == "qlora"
    base = AutoModelForCausalLM.from_pretrained(trained.base, dtype=torch.bfloat16)
    PeftModel.from_pretrained(base, trained.out / "adapter").merge_and_unload().save_pretrained(tmp_path)
    folder = tmp_path / "unrounded"
    shutil.copytree(merged.out / "model", folder)
    shutil.copy(tmp_path / "model.safetensors", folder)
    checks = check_merge(**trained_on(trained), merged=folder, generated=merged.generated)
    assert not checks["merged_logits"]["passed"]


@pytest.mark.parametrize(("change", "reason"), [("nan", "NaN"), ("missing", "missing or unexpected")])
def test_merge_broken_adapter_is_refused_in_one_line(
    change: str, reason: str, trained: Trained, tmp_path: Path
) -> None:
    adapter = corrupted(trained.out / "adapter" / "adapter_model.safetensors", change, into=tmp_path)
    with pytest.raises(MergeError, match=reason) as caught:
        merge_adapter(
            base=trained.base,
            adapter=adapter,
            **merge_settings(trained.settings),
            lineage=LINEAGE,
            out=tmp_path,
            progress=trained.said.append,
        )
    assert "\n" not in str(caught.value)
