"""How training will run, as far as memory depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.quantized import Attention, attention_for
from toolft_pipeline.training.rows.packing import longest_batch
from toolft_pipeline.training.rows.sampling import DrawnRows, Row
from toolft_pipeline.training.runtime.block_attention import MAX_BLOCK_TOKENS
from toolft_pipeline.training.sft.sft import trainer_arguments

if TYPE_CHECKING:
    import torch

AnyAttention = Literal[Attention, "flash"]


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The largest training step."""

    device: Literal["cpu", "cuda"]
    tokens: int
    """Tokens of the longest batch. TRL concatenates the packed rows of a batch, so attention sees one row."""
    loss_positions: int
    """Most positions of a batch that are projected to the vocabulary."""
    checkpointing: bool
    """Whether the backward pass recomputes a layer's activations."""
    attention: AnyAttention
    attended: float
    """Tokens of the row that a token is in, on average over the batch of the longest rows: attention by blocks keeps
    so many probabilities a token and head."""
    fused_loss: bool
    """Whether logits are computed tile by tile; else all of them are in memory at once."""
    kl: bool
    """Whether the base's distribution is computed beside the tuned model's (`training.kl_weight`)."""
    quantized: bool
    full: bool
    """Whether all weights are trained, in float32."""
    dropout: bool
    """Whether the adapter uses dropout."""
    compute_bytes: int
    """Bytes of an element of activations and of weights that are not quantized."""
    optimizer_bytes: float
    """Bytes a trained parameter: the weight and its gradient in float32, the optimizer's state, and with several
    processes the copy of the gradient that they exchange."""


def plan_run(
    *,
    drawn: DrawnRows,
    training: TrainingSettings,
    dropout: bool,
    device: torch.device,
    compute: ComputeType,
    flash: bool = False,
) -> RunPlan:
    """The plan of these rows and settings, `training.sft` included; `flash`: whether attention is flash attention."""
    arguments = trainer_arguments(drawn=drawn, training=training, device=device, compute=compute)
    tokens = longest_batch(drawn, training)
    attended = _attended(drawn, tokens)
    return RunPlan(
        device="cuda" if device.type == "cuda" else "cpu",
        tokens=tokens,
        loss_positions=_densest(drawn, tokens),
        checkpointing=bool(arguments.get("activation_checkpointing", arguments["gradient_checkpointing"])),
        attention=_attention(device, attended=attended, flash=flash),
        attended=attended,
        fused_loss=not (arguments.get("label_smoothing_factor") or 0) > 0,  # TRL then builds the full logits
        kl=training.kl_weight > 0,
        quantized=training.method == "qlora",
        full=training.method == "full",
        dropout=dropout,
        compute_bytes=compute.bytes,
        optimizer_bytes=8.0 + _state_bytes(str(arguments["optim"])) + (0.0 if training.processes == 1 else 4.0),
    )


def _attention(device: torch.device, *, attended: float, flash: bool) -> AnyAttention:
    if flash:
        return "flash"
    return "sdpa" if attended > MAX_BLOCK_TOKENS else attention_for(device)


def _state_bytes(optimizer: str) -> float:
    """Bytes a parameter of an optimizer's state, by transformers' name; two float32 moments by default."""
    if "8bit" in optimizer:
        return 2.1  # two moments in a byte each, and their scales
    if "sgd" in optimizer or "adafactor" in optimizer:
        return 4.0
    return 4.0 if "lion" in optimizer or "rmsprop" in optimizer else 8.0


def _densest(drawn: DrawnRows, tokens: int) -> int:
    """The most loss positions in a batch of `tokens` tokens: the rows with the largest share of them."""

    def share(row: Row) -> float:
        return row.loss_tokens / max(1, row.tokens)

    positions, left = 0.0, tokens
    for row in sorted((*drawn.train.rows, *drawn.validation.rows), key=share, reverse=True):
        taken = min(left, row.tokens * row.weight)
        positions += taken * share(row)
        left -= taken
    return round(positions)


def _attended(drawn: DrawnRows, tokens: int) -> float:
    """The mean length of a token's row in a batch of `tokens` tokens that has the longest rows."""
    left, pairs = tokens, 0
    for row in sorted((*drawn.train.rows, *drawn.validation.rows), key=lambda row: row.tokens, reverse=True):
        for _ in range(row.weight):
            taken = min(left, row.tokens)
            left -= taken
            pairs += taken * row.tokens
        if not left:
            break
    return pairs / max(1, tokens)
