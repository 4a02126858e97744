"""A filled pack: lengths that repeat, the rows' own tokens and labels, and the loss of the pack as it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from toolft_pipeline.training.base.quantized import load_for_training
from toolft_pipeline.training.sft.filled_packs import fill_pack


def pack(*lengths: int) -> dict[str, Any]:
    """What TRL's collator makes of packed rows."""
    ends, tokens = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32), sum(lengths)
    ids = torch.arange(100, 100 + tokens)[None]
    return {
        "input_ids": ids,
        "labels": ids.masked_fill(ids % 3 == 0, -100),
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "seq_idx": torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[None],
        **{"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": max(lengths), "max_length_k": max(lengths)},
    }


@pytest.mark.parametrize("lengths", [(50, 40), (128,), (1,), (64, 1)])
def test_filled_pack_ends_at_a_multiple_and_adds_one_row_without_labels(lengths: tuple[int, ...]) -> None:
    given = pack(*lengths)
    filled, tokens = fill_pack(given), sum(lengths)
    length = filled["input_ids"].shape[1]
    assert length % 64 == 0
    assert 0 <= length - tokens < 64
    for name in ("input_ids", "labels", "position_ids", "seq_idx"):
        assert filled[name].shape == (1, length)
        assert torch.equal(filled[name][:, :tokens], given[name])
    assert (filled["labels"][:, tokens:] == -100).all()
    ends = [0, *torch.tensor(lengths).cumsum(0).tolist(), *([length] if length > tokens else [])]
    assert filled["cu_seq_lens_q"].tolist() == filled["cu_seq_lens_k"].tolist() == ends
    assert filled["max_length_q"] == max([*lengths, length - tokens])
    assert filled["position_ids"][0, tokens:].tolist() == list(range(length - tokens))


@pytest.mark.parametrize("change", [{"pixel_values": torch.zeros(1)}, {"attention_mask": torch.ones(1, 5)}])
def test_other_batches_stay_as_they_are(change: dict[str, Any]) -> None:
    given = pack(5) | change
    assert fill_pack(given) is given
    without = {name: value for name, value in pack(5).items() if "cu_seq" not in name}
    assert fill_pack(without) is without


def test_a_filled_pack_has_the_loss_and_gradient_of_the_pack(tiny_model_folder: Path) -> None:
    found = []
    for change in (lambda given: given, fill_pack):
        model = load_for_training(tiny_model_folder, quantization="none", dtype=torch.float32)
        given = change(pack(50, 40))
        loss = model(**given, use_cache=False).loss
        loss.backward()
        found.append((loss.detach(), {name: weight.grad for name, weight in model.named_parameters()}))
    (loss, gradients), (filled_loss, filled_gradients) = found
    torch.testing.assert_close(filled_loss, loss)
    for name, gradient in gradients.items():
        torch.testing.assert_close(filled_gradients[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
