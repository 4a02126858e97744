"""What the table of training speed turns off: one thing of ours each.

To measure another part of ours, add a `Switch` to `SWITCHES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Rows = Sequence[dict[str, list[int]]]

PACKED = 512
"""Tokens of a packed row, as in the demo."""


class Patch(NamedTuple):
    """An attribute of a module of ours, and what stands there while the switch is off."""

    module: str
    attribute: str
    instead: Any


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One thing of ours that can be turned off: by settings of TRL, by patches, or both."""

    what: str
    """What is turned off, for the table."""
    sft: Mapping[str, Any] = field(default_factory=dict)
    patches: Callable[[Rows], list[Patch]] = lambda _rows: []


_OURS = "toolft_pipeline.training"
_SFT = f"{_OURS}.sft.sft"
_FUSED = "trl.trainer.utils"


def _unpacked(rows: Rows) -> list[Patch]:
    """Batches of as many rows as a pack holds, padded to the longest."""
    import datasets

    from toolft_pipeline.training.sft.sft import trainer_arguments

    a_batch = max(1, round(PACKED * len(rows) / sum(len(row["input_ids"]) for row in rows)))

    def padded(**given: Any) -> dict[str, Any]:
        return {**trainer_arguments(**given), "packing": False, "per_device_train_batch_size": a_batch}

    def as_they_are(ids: Any, **_: Any) -> Any:
        return datasets.Dataset(ids)

    return [Patch(_SFT, "pack_rows", as_they_are), Patch(_SFT, "trainer_arguments", padded)]


def _every_position(_rows: Rows) -> list[Patch]:
    from toolft_pipeline.training.sft import lm_head

    def install() -> None:
        import trl.trainer.utils as fused

        original()
        fused._use_triton = lambda _device: False

    original = lm_head.use_cpu_head
    return [Patch(f"{_OURS}.sft.lm_head", "use_cpu_head", install)]


def _loss_of_trl(_rows: Rows) -> list[Patch]:
    return [
        Patch(_FUSED, "_use_triton", lambda _device: True),
        Patch(f"{_OURS}.sft.lm_head", "use_cpu_head", lambda: None),
    ]


SWITCHES: dict[str, Switch] = {
    "packing": Switch(what="packing: batches of rows, padded to the longest", patches=_unpacked),
    "loss_positions": Switch(what="logits at loss positions only: at all of them", patches=_every_position),
    "one_pass_loss": Switch(what="the loss in one pass on a CPU: TRL's function", patches=_loss_of_trl),
    "kept_weights": Switch(
        what="NF4 kept dequantized on a CPU: dequantized in every pass",
        patches=lambda _rows: [Patch(f"{_OURS}.sft.cpu_lora", "MAX_KEPT_BYTES", 0)],
    ),
    "fused_lora": Switch(
        what="fused LoRA layers and kept weights on a CPU: PEFT's and bitsandbytes' layers",
        patches=lambda _rows: [Patch(_SFT, "fuse_lora_layers", lambda _model, **_: 0)],
    ),
    "block_attention": Switch(
        what="attention row by row of a pack on a CPU: torch's, over the whole pack with a mask",
        patches=lambda _rows: [Patch(f"{_OURS}.base.quantized", "attention_for", lambda _device: "sdpa")],
    ),
    "filled_packs": Switch(
        what="packs of few lengths on a CPU: as long as their rows",
        patches=lambda _rows: [Patch(_SFT, "filling_trainer", lambda trainer: trainer)],
    ),
    "kept_blocks": Switch(
        what="freed memory kept for the next step: returned to the kernel",
        patches=lambda _rows: [Patch(f"{_OURS}.runtime.allocator", "keep_large_blocks", lambda: False)],
    ),
    "kept_activations": Switch(
        what="all activations kept: gradient checkpointing on", sft={"gradient_checkpointing": True}
    ),
}
"""Everything of ours that the table turns off, one at a time."""
