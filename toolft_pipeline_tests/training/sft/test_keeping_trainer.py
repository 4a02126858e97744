"""The losses against forgetting equal their definitions over full logits: loss and gradient of the adapter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trl.trainer.utils as fused

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.preflight.preflight import estimate_training
from toolft_pipeline.training.rows.sampling import TrainingDataError, draw_rows
from toolft_pipeline.training.sft import kl_from_base as kl
from toolft_pipeline.training.sft.lm_head import HeadInputs
from toolft_pipeline.training.sft.sft import make_trainer
from toolft_pipeline_tests.tiny_model import TOKENIZER_FILES
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs


@pytest.fixture(autouse=True)
def shipped_head() -> Iterator[None]:
    kept = fused._use_triton, fused._ChunkedLogProbFunction
    yield
    fused._use_triton, fused._ChunkedLogProbFunction = kept


@pytest.fixture(scope="module")
def tiny_qwen(gemma_tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("tiny") / "tiny-qwen3"
    config = Qwen3Config(
        vocab_size=262_144, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, tie_word_embeddings=True, bos_token_id=2, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (gemma_tokenizer_folder / name).is_file():
            shutil.copyfile(gemma_tokenizer_folder / name, folder / name)
    return folder


def trainer_of(base: Path, place: Path, **training: Any) -> Any:
    """A trainer over the lesson, whose adapter is away from zero, so that it differs from its base."""
    inputs = write_inputs(place / "in", lesson())
    settings = agent(base, **training).training
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    trainer = make_trainer(
        base=base,
        drawn=drawn,
        training=settings,
        checkpoints=place / "checkpoints",
        compute=ComputeType.FP32,
        progress=lambda _line: None,
    )
    draw = torch.Generator().manual_seed(1)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.05
    trainer.model.train()
    return trainer


def batch_of(trainer: Any) -> dict[str, Any]:
    return dict(trainer._prepare_inputs(next(iter(trainer.get_train_dataloader()))))


def by_definition(trainer: Any, batch: dict[str, Any], *, weight: float, dft: bool, count: int) -> torch.Tensor:
    """The loss from the full logits of the model with and without its adapter."""
    labels = batch["labels"][:, 1:]
    known = labels != -100
    asked = {name: value for name, value in batch.items() if name != "labels"}
    tuned = torch.log_softmax(trainer.model(**asked).logits[:, :-1][known].double(), -1)
    with torch.no_grad(), trainer.model.disable_adapter():
        base = torch.log_softmax(trainer.model(**asked).logits[:, :-1][known].double(), -1)
    chosen = tuned.gather(-1, labels[known][:, None])[:, 0]
    losses = -chosen * (chosen.exp().detach() if dft else 1.0)
    divergence = torch.nn.functional.kl_div(tuned, base, log_target=True, reduction="none").sum(-1)
    return (losses.sum() + weight * divergence.sum()) / count


def gradients(trainer: Any, loss: torch.Tensor) -> torch.Tensor:
    trainer.model.zero_grad()
    loss.backward()
    return torch.cat([each.grad.double().flatten() for each in trainer.model.parameters() if each.requires_grad])


@pytest.mark.parametrize("settings", [{"kl_weight": 0.7}, {"loss_type": "dft"}, {"kl_weight": 0.3, "loss_type": "dft"}])
@pytest.mark.parametrize("family", ["gemma3", "qwen3"])
def test_loss_and_gradients_equal_those_of_the_full_logits(
    family: str, settings: dict[str, Any], tiny_model_folder: Path, tiny_qwen: Path, tmp_path: Path
) -> None:
    base = tiny_model_folder if family == "gemma3" else tiny_qwen
    trainer = trainer_of(base, tmp_path, method="lora", lora_dropout=0.0, **settings)
    batch = batch_of(trainer)
    ours = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=torch.tensor(40))
    our_gradients = gradients(trainer, ours)
    wanted = by_definition(
        trainer, batch, weight=settings.get("kl_weight", 0.0), dft=settings.get("loss_type") == "dft", count=40
    )
    wanted_gradients = gradients(trainer, wanted)
    assert float(ours.detach()) == pytest.approx(float(wanted.detach()), rel=1e-4)
    assert float((our_gradients - wanted_gradients).norm() / wanted_gradients.norm()) < 1e-3


@pytest.mark.parametrize(("scale", "softcap"), [(1.0, None), (0.5, None), (0.5, 2.0)])
@pytest.mark.parametrize("at_once", [150, 10**6], ids=["in_parts", "whole"])
def test_divergence_and_gradient_with_scale_and_soft_cap(
    scale: float, softcap: float | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kl, "LOGITS_AT_ONCE", at_once)
    draw = torch.Generator().manual_seed(5)
    hidden, base = (torch.randn(9, 16, generator=draw) for _ in range(2))
    weight, targets = torch.randn(50, 16, generator=draw), torch.randint(50, (9,), generator=draw)
    hidden.requires_grad_()

    def given(states: torch.Tensor) -> HeadInputs:
        return HeadInputs(states, weight, None, targets, 1.0, 32, softcap, scale)

    found = kl.kl_from_base(given(hidden), given(base))
    (found * torch.arange(9.0)).sum().backward()
    ours, hidden.grad = hidden.grad, None

    def log_probs(states: torch.Tensor) -> torch.Tensor:
        logits = states.double() @ weight.double().t() * scale
        return torch.log_softmax(logits if softcap is None else softcap * torch.tanh(logits / softcap), -1)

    p, q = log_probs(base), log_probs(hidden)
    wanted = (p.exp() * (p - q)).sum(-1)
    (wanted * torch.arange(9.0)).sum().backward()
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours, hidden.grad, rtol=1e-4, atol=1e-5)


def test_validation_loss_is_cross_entropy_for_every_loss(tiny_model_folder: Path, tmp_path: Path) -> None:
    found = []
    for number, settings in enumerate([{}, {"loss_type": "dft", "kl_weight": 0.5}]):
        trainer = trainer_of(tiny_model_folder, tmp_path / str(number), method="lora", **settings)
        found.append(trainer.evaluate()["eval_loss"])
        assert trainer.args.loss_type == settings.get("loss_type", "nll")
    assert found[0] == found[1]


def test_base_pass_leaves_four_bit_weights_and_train_mode(tiny_model_folder: Path, tmp_path: Path) -> None:
    from bitsandbytes.nn import Linear4bit

    trainer = trainer_of(tiny_model_folder, tmp_path, method="qlora", kl_weight=0.5)
    layers = [module for module in trainer.model.modules() if isinstance(module, Linear4bit)]
    before = [layer.weight.data.clone() for layer in layers]
    trainer.compute_loss(trainer.model, batch_of(trainer), num_items_in_batch=torch.tensor(40)).backward()
    assert layers
    assert all(layer.training for layer in layers)
    assert all(torch.equal(layer.weight.data, kept) for layer, kept in zip(layers, before, strict=True))
    assert all(each.grad is not None for name, each in trainer.model.named_parameters() if "lora_" in name)


def test_weight_zero_trains_with_the_class_of_trl(tiny_model_folder: Path, tmp_path: Path) -> None:

    names = {each.__name__ for each in type(trainer_of(tiny_model_folder, tmp_path, kl_weight=0.0)).mro()}
    assert "SFTTrainer" in names
    assert "KeepingTrainer" not in names


def test_label_smoothing_with_a_divergence_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="label_smoothing_factor"):
        trainer_of(tiny_model_folder, tmp_path, kl_weight=0.5, sft={"label_smoothing_factor": 0.1})


def test_divergence_counts_in_the_forecast_of_memory_and_time(tiny_model_folder: Path, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in", lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    plain, kept = (
        estimate_training(base=tiny_model_folder, drawn=drawn, training=agent(tiny_model_folder, kl_weight=w).training)
        for w in (0.0, 0.5)
    )
    assert kept.memory.logits > plain.memory.logits
