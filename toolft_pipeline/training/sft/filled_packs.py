"""Packs of rows on a CPU, filled up to a few lengths, because each other length is another kernel for every product.

Packs of 512 tokens end between 430 and 512. oneDNN compiles a bf16 product for each length, and a cache that holds the
kernels of all lengths grows to gigabytes (runtime/kernel_caches.py).

Invariant: what fills a pack is a row of its own without a label, so no other row sees it and no gradient comes from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trl import SFTTrainer

LENGTH_STEP = 64
"""Packs are filled up to a multiple of so many tokens: 12 tokens of a pack of 500."""

NO_LABEL = -100


def filling_trainer(trainer: type[SFTTrainer]) -> type[SFTTrainer]:
    """A trainer whose batches are filled on the way to the model, so that Trainer counts the rows' own tokens."""

    class FillingTrainer(trainer):  # type: ignore[misc]
        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            return super().compute_loss(model, fill_pack(inputs), return_outputs, num_items_in_batch)

    return FillingTrainer


def fill_pack(inputs: dict[str, Any]) -> dict[str, Any]:
    """TRL's batch of packed rows, `input_ids` of shape (1, tokens), with one more row; other batches as they are."""
    import torch

    ids, ends = inputs["input_ids"], inputs.get("cu_seq_lens_q")
    fill = -ids.shape[1] % LENGTH_STEP
    if ends is None or len(ids) != 1 or not fill or not _KEYS.issuperset(inputs):
        return inputs
    ends = torch.cat([ends, ends[-1:] + fill])
    longest = max(int(inputs["max_length_q"]), fill)
    filled = inputs | {
        "input_ids": torch.cat([ids, ids[:, -1:].expand(1, fill)], 1),
        "labels": torch.nn.functional.pad(inputs["labels"], (0, fill), value=NO_LABEL),
        "position_ids": torch.cat([inputs["position_ids"], torch.arange(fill, device=ids.device)[None]], 1),
        **{"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": longest, "max_length_k": longest},
    }
    if "seq_idx" in inputs:
        numbers = inputs["seq_idx"]
        filled["seq_idx"] = torch.cat([numbers, (numbers[:, -1:] + 1).expand(1, fill)], 1)
    return filled


_KEYS = frozenset(
    {"input_ids", "labels", "position_ids", "seq_idx"}
    | {f"{name}_{side}" for name in ("cu_seq_lens", "max_length") for side in "qk"}
)
"""What a batch of packed rows has; one that has more is left alone."""
