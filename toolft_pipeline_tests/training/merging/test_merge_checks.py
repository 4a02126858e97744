"""The limit of the merge check holds where rounding acts in one direction, as it does in real adapters."""

from __future__ import annotations

import torch

from toolft_pipeline.training.merging.merge_checks import MergeReference, compare_merged
from toolft_pipeline.training.merging.merged_weights import ModuleColumns

WIDTH, MERGES = 256, 60


class OneDirection(torch.nn.Module):
    """Its logits all hang on one number, so that one rounding of its weights says little of the next."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(WIDTH, 1, bias=False)
        self.layer.weight.data = weight
        self.device = torch.device("cpu")

    def forward(self, *, input_ids: torch.Tensor, logits_to_keep: int) -> OneDirection:
        inputs = torch.cos(torch.arange(WIDTH) * (1 + input_ids[0, 0]))
        self.logits = (1 + self.layer(inputs)).expand(1, logits_to_keep, 3)
        return self


def check(seed: int, *, factor: float = 1.0) -> bool:
    """Whether a merge passes whose weights are the right ones, times a factor, rounded once."""
    exact = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(seed))
    merged = (factor * exact).bfloat16()
    columns = ModuleColumns(places=torch.arange(WIDTH), right=exact.bfloat16().T, base=torch.zeros(WIDTH, 1).bfloat16())
    rows, right = [[1], [2]], OneDirection(exact)
    with torch.no_grad():
        logits = [right(input_ids=torch.tensor([row]), logits_to_keep=4).logits[0] for row in rows]
    expected = MergeReference(
        rows=rows, logits=logits, adapter_effect=1.0, columns={"layer": columns}, untouched={}, dtype=torch.float32
    )
    return bool(compare_merged(OneDirection(merged.float()), expected)["passed"])


def test_right_merge_passes_whatever_way_its_weights_are_rounded() -> None:
    assert all(check(seed) for seed in range(MERGES))


def test_merge_of_other_weights_fails() -> None:
    assert not any(check(seed, factor=1.2) for seed in range(MERGES))
