"""The output layer in blocks gives torch's own logits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from toolft_pipeline.engines.decoding.blocked_head import BLOCK, MOST_ROWS, use_blocked_head


class Model:
    """What holds an output layer."""

    def __init__(self, head: Any) -> None:
        self.head = head

    def get_output_embeddings(self) -> Any:
        return self.head

    def set_output_embeddings(self, head: Any) -> None:
        self.head = head


@pytest.mark.parametrize("rows", [1, 3, 4, 32, MOST_ROWS, MOST_ROWS + 1])
@pytest.mark.parametrize("vocabulary", [10, BLOCK, 3 * BLOCK + 17])
def test_logits_are_those_of_the_whole_product(rows: int, vocabulary: int) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(24, vocabulary, bias=False)
    model = Model(linear)
    use_blocked_head(model)  # type: ignore[arg-type]
    assert model.head is not linear
    assert model.head.weight is linear.weight
    hidden = torch.randn(rows, 1, 24)
    with torch.inference_mode():
        torch.testing.assert_close(model.head(hidden), linear(hidden), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "head", [torch.nn.Linear(4, 8), torch.nn.Linear(4, 8, bias=False).bfloat16(), None, SimpleNamespace()]
)
def test_any_other_output_layer_stays(head: Any) -> None:
    model = Model(head)
    use_blocked_head(model)  # type: ignore[arg-type]
    assert model.head is head
