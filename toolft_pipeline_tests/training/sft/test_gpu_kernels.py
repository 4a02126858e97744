"""Attention and layers on a GPU: chosen by what is installed and can run there. The packages are stand-ins."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bitsandbytes  # noqa: F401 # before CUDA seems to be there: it would load its kernels for it
import pytest
import torch
from transformers import Gemma3TextConfig, Gemma4TextConfig, LlamaConfig, PreTrainedConfig, utils

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight import preflight
from toolft_pipeline.training.preflight.preflight import estimate_training
from toolft_pipeline.training.rows.sampling import TrainingDataError, draw_rows
from toolft_pipeline.training.sft import sft
from toolft_pipeline.training.sft.gpu_kernels import GpuKernels, choose_gpu_kernels
from toolft_pipeline.training.sft.sft import make_trainer
from toolft_pipeline_tests.pretended_cuda import CPU, CUDA, pretended_cuda
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs

MODULES = {"flash-attn": "flash_attn", "flash-attn-3": "flash_attn_interface"}
FLASH = {"flash-attn": "is_flash_attn_2_available", "flash-attn-3": "is_flash_attn_3_available"}
LLAMA = LlamaConfig(hidden_size=64, num_attention_heads=4, head_dim=16)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes packages known to transformers, and importable; all others are not there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def install(*names: str, capability: tuple[int, int] = (8, 0), liger_for: tuple[str, ...] = ("llama",)) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
        for name, predicate in FLASH.items():
            monkeypatch.setattr(utils, predicate, lambda found=name in names: found)
            monkeypatch.setitem(sys.modules, MODULES[name], ModuleType(MODULES[name]) if name in names else None)
        monkeypatch.setattr(utils, "is_liger_kernel_available", lambda: "liger-kernel" in names)
        for module in ("liger_kernel", "liger_kernel.transformers", "liger_kernel.transformers.monkey_patch"):
            stand_in: Any = ModuleType(module)
            stand_in.MODEL_TYPE_TO_APPLY_LIGER_FN = dict.fromkeys(liger_for)
            monkeypatch.setitem(sys.modules, module, stand_in if "liger-kernel" in names else None)

    install()
    return install


def chosen(
    config: PreTrainedConfig = LLAMA,
    *,
    compute: ComputeType = ComputeType.BF16,
    images: bool = False,
    device: torch.device = CUDA,
    **training: Any,
) -> Any:
    settings = TrainingSettings(**training)
    return choose_gpu_kernels(config=config, training=settings, compute=compute, device=device, images=images)


@pytest.mark.parametrize(
    ("packages", "capability", "attention", "reason"),
    [
        (["flash-attn"], (8, 0), "flash_attention_2", "flash-attn, compute capability 8.0"),
        (["flash-attn"], (12, 0), "flash_attention_2", "flash-attn, compute capability 12.0"),
        (["flash-attn", "flash-attn-3"], (9, 0), "flash_attention_3", "flash-attn-3, compute capability 9.0"),
        (["flash-attn", "flash-attn-3"], (8, 9), "flash_attention_2", "flash-attn, compute capability 8.9"),
        (["flash-attn"], (9, 0), "flash_attention_2", "flash-attn, compute capability 9.0"),
        (["flash-attn-3"], (10, 0), "sdpa", "flash-attn-3 does not run on compute capability 10.0, flash-attn is not"),
        (["flash-attn"], (7, 5), "sdpa", "flash-attn does not run on compute capability 7.5"),
        ([], (8, 0), "sdpa", "flash-attn is not installed"),
    ],
)
def test_attention_follows_packages_and_capability(
    packages: list[str], capability: tuple[int, int], attention: str, reason: str, installed: Any
) -> None:
    installed(*packages, capability=capability)
    found = chosen()
    assert (found.attention, found.flash) == (attention, attention != "sdpa")
    assert reason in found.attention_reason
    assert found.line.startswith(f"attention: {attention} (")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"compute": ComputeType.FP32}, "16-bit weights"),
        ({"method": "full"}, "16-bit weights"),
        ({"images": True}, "tokens of an image see each other"),
        ({"flash_attention": False}, "turned off by setting"),
        ({"config": Gemma4TextConfig()}, "heads of 512"),
    ],
)
def test_flash_attention_is_left_out_where_it_cannot_compute(case: Any, reason: str, installed: Any) -> None:
    installed("flash-attn")
    assert chosen().flash
    found = chosen(**case)
    assert found.attention == "sdpa"
    assert reason in found.attention_reason


def test_class_without_flash_attention_keeps_torchs_own(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    installed("flash-attn")
    monkeypatch.setattr(LlamaForCausalLM, "_supports_flash_attn", False)
    assert "LlamaForCausalLM does not support flash attention" in chosen().attention_reason


def test_package_that_cannot_be_imported_is_not_chosen(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed("flash-attn", "liger-kernel")
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers.monkey_patch", None)
    found = chosen()
    assert (found.attention, found.liger) == ("sdpa", False)
    assert "flash-attn cannot be imported: ModuleNotFoundError" in found.attention_reason
    assert "liger-kernel cannot be imported: ModuleNotFoundError" in found.liger_reason


def test_liger_is_used_where_it_has_layers_for_the_family(installed: Any) -> None:
    assert "not installed" in chosen().liger_reason
    installed("liger-kernel")
    assert chosen().liger
    assert chosen(LlamaConfig(hidden_size=64, num_attention_heads=4)).liger, "a config without a width of heads"
    assert "Liger kernels used (liger-kernel has layers for llama)" in chosen().line
    assert chosen(Gemma3TextConfig()).liger_reason == "liger-kernel has no layers for gemma3_text"
    assert chosen(liger_kernels=False).liger_reason == "turned off by setting"


def test_nothing_is_chosen_on_a_cpu_or_for_a_gpu_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(device=CPU) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen(device=CUDA) is None


def test_estimate_counts_with_the_attention_that_is_chosen(installed: Any, tiny_llama: Path, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in", lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)

    def activations(**training: Any) -> float:
        settings = agent(tiny_llama, sft={"gradient_checkpointing": False}, **training).training
        with pretended_cuda():
            return estimate_training(base=tiny_llama, drawn=drawn, training=settings).memory.activations

    plain = activations()
    installed("flash-attn")
    assert activations() < plain
    assert activations(flash_attention=False) == plain


def made(base: Path, place: Path, said: list[str], **training: Any) -> Any:
    inputs = write_inputs(place / "in", lesson())
    quiet = {"save_strategy": "no", "eval_strategy": "no", "max_steps": 2}
    return make_trainer(
        base=base,
        drawn=draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None),
        training=agent(base, method="lora", **{"sft": quiet, **training}).training,
        checkpoints=place,
        compute=ComputeType.FP32,
        progress=said.append,
    )


def test_chosen_attention_is_what_the_base_is_loaded_with(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def load(_base: Path, **options: Any) -> None:
        given.update(options)
        raise InterruptedError

    monkeypatch.setattr(sft, "load_for_training", load)
    monkeypatch.setattr(sft, "choose_gpu_kernels", lambda **_: kernels(attention="flash_attention_2"))
    said: list[str] = []
    with pytest.raises(InterruptedError):
        made(tiny_llama, tmp_path, said)
    assert given["attention"] == "flash_attention_2"
    assert said == ["attention: flash_attention_2 (why); Liger kernels not used (why)"]


def kernels(*, attention: Any = "sdpa", liger: bool = False) -> GpuKernels:
    return GpuKernels(attention=attention, attention_reason="why", liger=liger, liger_reason="why")


def test_liger_keeps_our_loss(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainer applies Liger when training starts: its own loss would replace the forward pass that TRL has fused."""
    from transformers.integrations import liger

    given: list[dict[str, Any]] = []
    package: Any = ModuleType("liger_kernel.transformers")
    package._apply_liger_kernel_to_instance = lambda model, **options: given.append({"model": model, **options})
    monkeypatch.setitem(sys.modules, "liger_kernel", ModuleType("liger_kernel"))
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", package)
    monkeypatch.setattr(liger, "is_liger_kernel_available", lambda: True)
    losses = []
    for use in (False, True):
        monkeypatch.setattr(sft, "choose_gpu_kernels", lambda use=use, **_: kernels(liger=use))
        trainer = made(tiny_llama, tmp_path / str(use), [])
        forward = trainer.model.get_base_model().forward
        trainer.train()
        assert trainer.model.get_base_model().forward == forward
        losses.append(trainer.state.log_history[1]["loss"])
    (call,) = given
    assert call == {"model": trainer.model.get_base_model(), "fused_linear_cross_entropy": False}
    assert losses[0] == losses[1]


def test_liger_is_set_by_our_setting_alone(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"set training\.liger_kernels"):
        made(tiny_llama, tmp_path, [], sft={"use_liger_kernel": True})


def test_estimate_and_trainer_ask_the_same_function() -> None:
    assert preflight.choose_gpu_kernels is sft.choose_gpu_kernels is choose_gpu_kernels


@pytest.fixture(scope="module")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny") / "llama"
    sizes = {"vocab_size": 8192, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**sizes, **heads)).to(torch.bfloat16).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>").save_pretrained(folder)
    return folder
