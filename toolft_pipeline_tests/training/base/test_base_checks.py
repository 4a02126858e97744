"""What base_model's own checks find: on snapshots as they lie on the hub, and on bases that cannot be trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.settings import AgentSettings, TrainingSettings
from toolft_pipeline.training.base.base_checks import BaseCheck, base_problem
from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.family_snapshots import FAMILIES, write_snapshot
from toolft_pipeline_tests.training.base.snapshots import Snapshot, changed, convert, problems


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The snapshot of a family, written once."""
    root = tmp_path_factory.mktemp("snapshots")

    def folder(family: str) -> Path:
        if not (root / family).is_dir():
            write_snapshot(root / family, family)
        return root / family

    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_snapshot_is_converted_whole_and_every_check_passes(family: str, snapshot: Snapshot, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    summary = convert(snapshot(family), tmp_path)
    assert problems(tmp_path / "model", family) == []
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert summary.architecture == type(loaded).__name__
    assert summary.vocabulary == loaded.config.get_text_config().vocab_size
    distinct = {tensor.data_ptr(): tensor.numel() for tensor in loaded.state_dict().values()}  # tied ones count once
    assert summary.parameters == sum(distinct.values())


def test_snapshot_config_leaves_the_vocabulary_to_its_class(snapshot: Snapshot) -> None:
    config = json.loads((snapshot("gemma3") / "config.json").read_text())
    assert "vocab_size" not in config
    assert "vocab_size" not in config["text_config"]


def test_weights_in_other_formats_are_neither_copied_nor_counted(snapshot: Snapshot, tmp_path: Path) -> None:
    source = snapshot("llama3")
    summary = convert(source, tmp_path)
    copied = {path.relative_to(tmp_path / "model").as_posix() for path in (tmp_path / "model").rglob("*")}
    assert not any("consolidated" in name or "original" in name or "pytorch_model" in name for name in copied)
    assert {"config.json", "generation_config.json", "tokenizer.json", "model.safetensors.index.json"} <= copied
    assert summary.parameters < 200_000


def test_adapter_that_lies_beside_the_weights_is_left_behind(snapshot: Snapshot, tmp_path: Path) -> None:
    source = changed(snapshot("qwen3"), tmp_path / "source")
    (source / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "elsewhere"}')
    (source / "adapter_model.safetensors").write_bytes(b"torn")
    (source / "onnx").mkdir()
    (source / "onnx" / "model.onnx").write_bytes(bytes(10))
    convert(source, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if "adapter" in path.name or "onnx" in path.name]


@pytest.mark.parametrize(
    ("quantization", "named"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bitsandbytes, 4 bit"),
        ({"load_in_8bit": True}, "bitsandbytes, 8 bit"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq, 4 bit"),
        ({"quant_method": "awq", "bits": 4, "version": "gemm"}, "awq, 4 bit"),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "fp8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "compressed-tensors", "format": "pack-quantized"}, "compressed-tensors"),
    ],
)
def test_quantized_base_is_refused_before_writing(
    quantization: dict[str, Any], named: str, snapshot: Snapshot, tmp_path: Path
) -> None:
    source = changed(snapshot("llama3"), tmp_path / "source", quantization_config=quantization)
    with pytest.raises(BaseModelError) as caught:
        convert(source, tmp_path / "out")
    assert f"already quantized ({named}); name the unquantized model" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


def test_quantization_inside_a_text_config_is_refused_too(snapshot: Snapshot, tmp_path: Path) -> None:
    config = json.loads((snapshot("gemma3") / "config.json").read_text())
    text = config["text_config"] | {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    with pytest.raises(BaseModelError, match=r"already quantized \(gptq, 4 bit\)"):
        convert(changed(snapshot("gemma3"), tmp_path / "source", text_config=text), tmp_path / "out")


def test_packed_tensors_without_a_word_in_the_config_are_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    source = changed(snapshot("qwen3"), tmp_path / "source")
    (shard, *_) = sorted(source.glob("model-*.safetensors"))
    save_file({name: torch.zeros(8, 8, dtype=torch.int32) for name in load_file(shard)}, shard)
    with pytest.raises(BaseModelError, match=r"already quantized \(tensors of type I32\)"):
        convert(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            {"architectures": ["LlamaForSequenceClassification"]},
            "LlamaForSequenceClassification does not generate text",
        ),
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, "BertForMaskedLM does not generate text"),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, "is an encoder-decoder"),
        ({"architectures": ["BartForCausalLM"], "model_type": "bart"}, "is an encoder-decoder"),
        (
            {"architectures": ["NewForCausalLM"], "model_type": "new-model-of-2031"},
            "transformers cannot load the model of config.json",
        ),
        (
            {
                "architectures": ["OwnForCausalLM"],
                "model_type": "own",
                "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
            },
            "without remote code",
        ),
    ],
)
def test_class_that_cannot_be_trained_is_refused_in_one_line(
    config: dict[str, Any], reason: str, snapshot: Snapshot, tmp_path: Path
) -> None:
    source = changed(snapshot("llama3"), tmp_path / "source", **config)
    with pytest.raises(BaseModelError, match=reason) as caught:
        convert(source, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_shard_that_is_missing_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    source = changed(snapshot("llama3"), tmp_path / "source")
    (shard, *_) = sorted(source.glob("model-*.safetensors"))
    shard.unlink()
    with pytest.raises(BaseModelError, match=rf"1 are missing \(first: {shard.name}\); download"):
        convert(source, tmp_path / "out")


def test_folder_without_safetensors_names_its_weights(snapshot: Snapshot, tmp_path: Path) -> None:
    source = changed(snapshot("llama3"), tmp_path / "source")
    for path in [*source.glob("model*.safetensors"), source / "model.safetensors.index.json"]:
        path.unlink()
    with pytest.raises(BaseModelError, match=r"its weights are in consolidated\.safetensors, .* download the safe"):
        convert(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("family", "chat_format", "missing", "instead"),
    [
        ("llama3", "chatml", "<|im_start|>, <|im_end|>", "set chat.format to llama3"),
        ("gemma3", "chatml", "<|im_start|>, <|im_end|>", "set chat.format to gemma3"),
        ("qwen3", "gemma3", "<bos>, <start_of_turn>, <end_of_turn>", "set chat.format to chatml or qwen3"),
        ("gemma4", "llama3", "<|begin_of_text|>", "set chat.format to gemma4"),
    ],
)
def test_format_of_another_family_names_missing_tokens(
    family: str, chat_format: str, missing: str, instead: str, snapshot: Snapshot
) -> None:
    (line,) = problems(snapshot(family), chat_format)
    assert f"its tokenizer has no token {missing}" in line
    assert f"which mark turns in chat.format {chat_format}; {instead}" in line
    assert base_problem(
        BaseCheck.CHAT_TOKENS, snapshot(family), chat_format=chat_format, training=TrainingSettings()
    ) == line  # fmt: skip


def without_token(source: Path, into: Path, token: str) -> Path:
    """A copy of a snapshot whose tokenizer lacks an added token."""
    shutil.copytree(source, into)
    tokenizer = json.loads((into / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [each for each in tokenizer["added_tokens"] if each["content"] != token]
    (into / "tokenizer.json").write_text(json.dumps(tokenizer))
    named = json.loads((into / "tokenizer_config.json").read_text())
    named["extra_special_tokens"] = [each for each in named.get("extra_special_tokens", []) if each != token]
    if named["eos_token"] == token:
        named["eos_token"] = "<|end_of_text|>"
    (into / "tokenizer_config.json").write_text(json.dumps(named))
    return into


def test_stop_token_that_a_family_came_to_later_is_not_needed(snapshot: Snapshot, tmp_path: Path) -> None:
    """Llama 3.0 has no <|eom_id|>; without <|eot_id|> no turn can end."""
    assert problems(without_token(snapshot("llama3"), tmp_path / "3.0", "<|eom_id|>"), "llama3") == []
    (line,) = problems(without_token(snapshot("llama3"), tmp_path / "none", "<|eot_id|>"), "llama3")
    assert "its tokenizer has no token <|eot_id|>" in line


def test_tokenizer_with_more_ids_than_embeddings_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    base = changed(snapshot("llama3"), tmp_path / "short", vocab_size=300)
    (line,) = problems(base, "llama3")
    assert "and the model has embeddings for 300" in line


def test_tokenizer_that_cannot_be_loaded_is_one_line(snapshot: Snapshot, tmp_path: Path) -> None:
    base = changed(snapshot("llama3"), tmp_path / "torn")
    (base / "tokenizer.json").write_text("{torn")
    (line,) = problems(base, "llama3")
    assert "its tokenizer cannot be loaded" in line
    assert "\n" not in line


def test_unknown_target_module_is_named_with_known_ones(snapshot: Snapshot) -> None:
    (line,) = problems(snapshot("llama3"), "llama3", target_modules=["q_proj", "qkv_proj", "all-linear"])
    assert "training.target_modules: qkv_proj, all-linear: LlamaForCausalLM has no linear layer of that name" in line
    assert "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj" in line


@pytest.mark.parametrize(
    "peft",
    [
        {"target_modules": "all-linear"},
        {"target_modules": ["q_proj"]},
        {"r": 64},
        {"lora_alpha": 1},
        {"lora_dropout": 0.5},
        {"rank_pattern": {"q_proj": 64}},
        {"alpha_pattern": {"q_proj": 64}},
        {"modules_to_save": ["vision_tower"]},
        {"target_parameters": ["embed_tokens.weight"]},
        {"trainable_token_indices": [1]},
        {"bias": "all"},
        {"init_lora_weights": "pissa_niter_4"},
        {"alora_invocation_tokens": [1, 2]},
        {"layer_replication": [[0, 1], [0, 1]]},
    ],
)
def test_peft_key_that_another_setting_owns_is_refused_by_name(peft: dict[str, Any], snapshot: Snapshot) -> None:
    (line,) = problems(snapshot("gemma3"), "gemma3", peft=peft)
    assert line.startswith(f"base_model: training.peft.{next(iter(peft))}: cannot be set here; ")


@pytest.mark.parametrize(
    ("peft", "adapted"),
    [
        ({}, 14),
        ({"use_rslora": True, "use_dora": True, "init_lora_weights": "gaussian"}, 14),
        ({"exclude_modules": ["q_proj"]}, 12),
        ({"layers_to_transform": [1]}, 7),
    ],
)
def test_peft_keys_do_not_adapt_the_tower(peft: dict[str, Any], adapted: int, snapshot: Snapshot) -> None:
    from toolft_pipeline.training.base.meta_model import add_adapter, meta_model

    model = add_adapter(meta_model(snapshot("gemma3")), TrainingSettings(peft=peft))
    trained = {name.partition(".lora_")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert len(trained) == adapted
    assert all(".language_model." in name for name in trained)
    assert problems(snapshot("gemma3"), "gemma3", peft=peft) == []


def test_adapter_that_adapts_nothing_is_one_line(snapshot: Snapshot) -> None:
    (line,) = problems(snapshot("llama3"), "llama3", peft={"exclude_modules": ".*"})
    assert "All modules were excluded" in line


def test_asset_checks_are_red_before_anything_is_trained(snapshot: Snapshot, tmp_path: Path) -> None:
    from toolft_pipeline.stages.base_model import STAGE
    from toolft_pipeline.stages.spec.run_stage import run_stage
    from toolft_pipeline.warehouse.store import Warehouse

    settings: AgentSettings = agent(tmp_path, base_model={"folder": str(snapshot("llama3"))}, chat={"format": "chatml"})
    version, _ = run_stage(
        STAGE, settings, None, Warehouse(tmp_path / "warehouse"), progress=lambda _line: None, run_id=None
    )
    outcomes = {check.name: check.evaluate(version, settings) for check in STAGE.checks}
    assert {name for name, outcome in outcomes.items() if not outcome.passed} == {"tokenizer_has_chat_tokens"}
    assert all(check.blocking for check in STAGE.checks)
    assert "set chat.format to llama3" in str(outcomes["tokenizer_has_chat_tokens"].description)
