"""A 4-bit layer that never leaves train mode."""

from __future__ import annotations

from pathlib import Path

import torch

from toolft_pipeline.training.base.quantized import load_for_training


def gradients(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Gradient of the summed logits by the embedded input: what a backward pass through the 4-bit layers gives."""
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_()  # type: ignore[operator]
    model(inputs_embeds=embedded, logits_to_keep=1).logits.float().square().mean().backward()
    assert embedded.grad is not None
    return embedded.grad.float().clone()


def test_quantized_gradients_are_equal_after_evaluation(tiny_model_folder: Path) -> None:
    model = load_for_training(tiny_model_folder, quantization="nf4")
    ids = torch.arange(100, 148).unsqueeze(0)
    before = gradients(model, ids)
    model.eval()
    assert not model.training
    with torch.no_grad():
        model(input_ids=ids, logits_to_keep=1)
    model.train()
    assert torch.equal(gradients(model, ids), before)


def test_quantized_codes_are_the_same_in_both_compute_types(tiny_model_folder: Path) -> None:
    """NF4 rounds bf16 weights: widening them to float32 first must not move a code or a scale."""
    narrow, wide = (
        load_for_training(tiny_model_folder, quantization="nf4", dtype=dtype)
        for dtype in (torch.bfloat16, torch.float32)
    )
    codes = dict(wide.named_parameters())
    checked = 0
    for name, weight in narrow.named_parameters():
        if weight.dtype == torch.uint8:
            assert torch.equal(weight, codes[name]), name
            state, other = weight.quant_state, codes[name].quant_state  # type: ignore[attr-defined]
            assert torch.equal(state.absmax, other.absmax)
            assert torch.equal(state.state2.absmax, other.state2.absmax)
            checked += 1
    assert checked > 0
