"""The base that adapters are served over: the trained one, so that adapter over base is the merged model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from toolft_pipeline.engines.vllm_command import adapter_rank
from toolft_pipeline.training.base.quantized import load_dequantized
from toolft_pipeline.training.merging.dequantized_base import write_dequantized_base
from toolft_pipeline.training.merging.merge import merge_in_memory
from toolft_pipeline_tests.training.conftest import Trained

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def written(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bases") / "base"
    write_dequantized_base(trained.base, out, device=CPU)
    return out


def logits(model: torch.nn.Module, rows: list[list[int]]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model.float()(input_ids=torch.tensor([row])).logits[0] for row in rows])


def test_adapter_over_the_written_base_is_the_merged_model(written: Path, trained: Trained) -> None:
    """Over the unquantized base it is another model, by more than the adapter itself changes."""
    adapter, tokenizer = trained.out / "adapter", AutoTokenizer.from_pretrained(trained.base)
    rows = [tokenizer(text)["input_ids"] for text in ("Find order 4711.", "Close ticket 7, it is done.")]
    merged = logits(merge_in_memory(trained.base, adapter, method="qlora", device=CPU), rows)

    def error(base: Path) -> float:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
        served = logits(PeftModel.from_pretrained(model, adapter).eval(), rows)
        return float((served - merged).norm() / merged.norm())

    assert error(written) < 0.01  # what bf16 rounds when the merge adds the adapter
    assert error(trained.base) > 5 * error(written)


def test_written_folder_is_a_plain_model_in_bf16(written: Path, trained: Trained) -> None:
    expected = load_dequantized(trained.base, quantization="nf4", device=CPU).state_dict()
    stored = load_file(written / "model.safetensors")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in stored.items())
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    config = json.loads((written / "config.json").read_text())
    assert "quantization_config" not in config
    assert str(trained.base) not in (written / "config.json").read_text()
    ids = [AutoTokenizer.from_pretrained(folder)("find order 7")["input_ids"] for folder in (written, trained.base)]
    assert ids[0] == ids[1]


def test_adapters_that_training_writes_are_those_that_vllm_takes(trained: Trained) -> None:
    assert adapter_rank(trained.out / "adapter") == trained.settings.training.lora_r
