"""The model card of a merged model: what it is, what it was made from, what was checked.

Invariant: a card contains digests, never paths or times, so equal models have equal cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.settings import ChatSettings, TrainingSettings
from toolft_pipeline.training.rows.mixing import REPLAY_ROWS


@dataclass(frozen=True, kw_only=True)
class CardText:
    """What the card says of the agent: its name and description, and the name of its base model."""

    name: str
    description: str
    base: str


def model_card(
    card: CardText,
    *,
    chat: ChatSettings,
    training: TrainingSettings,
    lineage: Mapping[str, str],
    checks: Mapping[str, Mapping[str, Any]],
) -> str:
    """The card as Markdown with the hub's front matter; `lineage` maps inputs to content digests."""
    made_from = "\n".join(f"| {name} | `{digest}` |" for name, digest in sorted(lineage.items()))
    check_rows = "\n".join(
        f"| {name} | {'passed' if check['passed'] else 'FAILED'} | "
        + ", ".join(f"{key} {_figure(value)}" for key, value in check.items() if key != "passed")
        + " |"
        for name, check in checks.items()
    )
    answers = " and on answers of the base itself" if f"{REPLAY_ROWS}/all" in lineage else ""
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [tool-calling, trl, sft, lora]
---

# {card.name}

{card.description or "A tool-calling model."}

Fine-tuned from {card.base} on the agent's own verified runs{answers}: {_method(training)}

Chat format `{chat.format}`, catalog mode `{chat.catalog_mode}`. The tokenizer carries the chat template and the
response template, so that training, evaluation and every server build the same prompts and read the same calls.
The base model's licence and terms of use go with the weights.

| made from | content digest |
|---|---|
{made_from}

| check | outcome | figures |
|---|---|---|
{check_rows}
"""


def _method(training: TrainingSettings) -> str:
    """How it was trained, in the card's lines."""
    recipe = f"learning rate {training.learning_rate:g}, {training.epochs:g} epochs, loss on assistant\nturns only."
    if training.method == "full":
        return f"all weights (full fine-tuning), {recipe}"
    quantized = training.method == "qlora"
    weights = "4-bit NormalFloat (QLoRA)" if quantized else "bf16 (LoRA)"
    merged_into = "the dequantized 4-bit weights in bf16" if quantized else "the bf16 base"
    return (
        f"{weights}, rank {training.lora_r},\nalpha {training.lora_alpha}, {recipe} "
        f"The adapter is merged into {merged_into}."
    )


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
