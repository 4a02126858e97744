"""A 4-bit layer that never leaves train mode, and a loss that is scored where there is loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toolft_pipeline.training.loss_positions import score_loss_positions_only
from toolft_pipeline.training.quantized import load_for_training


def gradients(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Gradient of the summed logits by the embedded input: what a backward pass through the 4-bit layers gives."""
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_()  # type: ignore[operator]
    model(inputs_embeds=embedded, logits_to_keep=1).logits.float().square().mean().backward()
    assert embedded.grad is not None
    return embedded.grad.float().clone()


def test_quantized_layers_gradients_are_the_same_after_an_evaluation(tiny_model_folder: Path) -> None:
    model = load_for_training(tiny_model_folder, quantization="nf4", packed_length=64)
    ids = torch.arange(100, 148).unsqueeze(0)
    before = gradients(model, ids)
    model.eval()
    assert not model.training
    with torch.no_grad():
        model(input_ids=ids, logits_to_keep=1)
    model.train()
    assert torch.equal(gradients(model, ids), before)


def test_loss_positions_only_gives_the_loss_and_gradient_of_all_positions(tiny_model_folder: Path) -> None:
    import trl.trainer.utils as fused
    from trl.trainer.utils import add_fused_lm_head

    model = load_for_training(tiny_model_folder, quantization="none", packed_length=64)
    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    ids = torch.arange(100, 164).unsqueeze(0)
    labels = ids.clone()
    labels[:, :40] = -100
    found = []
    for patched in (False, True):
        fused._use_triton = lambda _device: False
        if patched:
            score_loss_positions_only()
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
        output = model(inputs_embeds=embedded, labels=labels, fused_lm_head=True)
        (-output.log_probs.sum()).backward()
        found.append((output.log_probs, embedded.grad))
    (plain, plain_gradient), (chosen, chosen_gradient) = found
    torch.testing.assert_close(chosen, plain)
    torch.testing.assert_close(chosen_gradient, plain_gradient, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("packed_length", [512, 2048], ids=["eager", "sdpa"])
def test_packed_rows_do_not_see_each_other(packed_length: int, tiny_model_folder: Path) -> None:
    model = load_for_training(tiny_model_folder, quantization="none", packed_length=packed_length).float()
    rows = [torch.arange(100, 130), torch.arange(500, 540), torch.arange(900, 920)]
    positions = torch.cat([torch.arange(len(row)) for row in rows]).unsqueeze(0)
    with torch.no_grad():
        packed = model(input_ids=torch.cat(rows).unsqueeze(0), position_ids=positions, use_cache=False).logits[0]
        alone = torch.cat([model(input_ids=row.unsqueeze(0), use_cache=False).logits[0] for row in rows])
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-4)
