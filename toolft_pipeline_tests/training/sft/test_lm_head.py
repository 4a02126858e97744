"""The CPU head gives what the logits themselves give: loss, gradient and accuracy at labelled positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trl.trainer.utils as fused
from trl.trainer.utils import add_fused_lm_head

from toolft_pipeline.training.base.quantized import load_for_training
from toolft_pipeline.training.sft import lm_head

POSITIONS, WIDTH, VOCABULARY = 41, 16, 50


@pytest.fixture(autouse=True)
def cpu_head() -> Iterator[None]:
    kept = fused._use_triton, fused._ChunkedLogProbFunction
    lm_head.use_cpu_head()
    yield
    fused._use_triton, fused._ChunkedLogProbFunction = kept


def operands(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(3)
    hidden = torch.randn(POSITIONS, WIDTH, generator=draw).to(dtype).requires_grad_()
    weight = torch.randn(VOCABULARY, WIDTH, generator=draw).to(dtype)
    return hidden, weight, torch.randint(VOCABULARY, (POSITIONS,), generator=draw)


def by_definition(
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, *, scale: float, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities, gradient and accuracy from full logits in float64."""
    wide = hidden.detach().double().requires_grad_()
    logits = wide @ weight.double().t() * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    log_probs = torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets]
    (-log_probs.sum() / 7).backward()
    assert wide.grad is not None
    return log_probs.detach(), wide.grad, logits.argmax(-1) == targets


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("scale", "softcap"), [(1.0, None), (0.5, None), (1.0, 2.0), (0.5, 2.0)])
@pytest.mark.parametrize("at_once", [4 * VOCABULARY, 40 * VOCABULARY, 10**6], ids=["in_parts", "filled", "whole"])
def test_head_gives_loss_gradient_and_accuracy_of_the_logits(
    dtype: torch.dtype, near: float, scale: float, softcap: float | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm_head, "LOGITS_AT_ONCE", at_once)
    hidden, weight, targets = operands(dtype)
    outputs = ("log_probs", "entropy", "is_top1")
    log_probs, entropy, *_, right = fused._ChunkedLogProbFunction.apply(
        hidden, weight, None, targets, 1.0, 32, softcap, scale, outputs
    )
    (-log_probs.sum() / 7).backward()
    wanted, gradient, best = by_definition(hidden, weight, targets, scale=scale, softcap=softcap)
    torch.testing.assert_close(log_probs.double(), wanted, rtol=near, atol=near)
    assert hidden.grad is not None
    assert float((hidden.grad.double() - gradient).norm() / gradient.norm()) < near
    assert torch.equal(right, best)
    assert entropy.isnan().all()


def test_head_without_gradient_gives_the_same_loss() -> None:
    hidden, weight, targets = operands(torch.float32)
    asked: tuple[Any, ...] = (weight, None, targets, 1.0, 32, None, 1.0, ("log_probs", "entropy", "is_top1"))
    learning = fused._ChunkedLogProbFunction.apply(hidden, *asked)[0]
    with torch.no_grad():
        measured = fused._ChunkedLogProbFunction.apply(hidden, *asked)[0]
    assert torch.equal(measured, learning)


def test_head_of_trained_weights_is_left_to_trl() -> None:
    hidden, weight, targets = operands(torch.float32)
    weight.requires_grad_()
    log_probs, *_ = fused._ChunkedLogProbFunction.apply(
        hidden, weight, None, targets, 1.0, 32, None, 1.0, ("log_probs", "entropy", "is_top1")
    )
    log_probs.sum().backward()
    assert weight.grad is not None


def test_head_in_a_model_equals_trl_at_labelled_positions(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_for_training(tiny_model_folder, quantization="none")
    model.requires_grad_(False)
    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    ids = torch.arange(100, 164).unsqueeze(0)
    labels = ids.clone()
    labels[:, :40] = -100
    found = []
    for shipped in (True, False):
        with monkeypatch.context() as patched:
            if shipped:
                patched.setattr(fused, "_use_triton", lambda _device: False)
                patched.setattr(fused, "_ChunkedLogProbFunction", fused._ChunkedLogProbFunction._original)
            embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
            output = model(inputs_embeds=embedded, labels=labels, fused_lm_head=True)
            (-output.log_probs.sum()).backward()
            found.append((output.log_probs, embedded.grad))
    (plain, plain_gradient), (ours, our_gradient) = found
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(our_gradient, plain_gradient, rtol=0.02, atol=1e-4)
