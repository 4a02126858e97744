"""`training`: how the adapter is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section

TRAINING_PLACEMENT = frozenset({"save_steps", "compute_type", "max_hours", "memory_check"})
"""Keys of `training` that say how the machine does the work, not what is learned: they enter no fingerprint."""


class TrainingSettings(Section):
    """How the adapter is trained."""

    quantization: Literal["nf4", "none"] = "nf4"
    """How the frozen base is stored while the adapter is trained: 4-bit NormalFloat (QLoRA), or bf16 with `none`."""
    lora_r: int = Field(16, gt=0)
    """Rank of the adapter. Trained parameters, and 16 bytes of memory for each, grow with it."""
    lora_alpha: int = Field(32, gt=0)
    """Scale of the adapter: its output is multiplied by `lora_alpha` / `lora_r`."""
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    """Share of the inputs of the adapter that is dropped. 0 is faster on a CPU, and enough for one epoch."""
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Names of the linear layers of the language model that the adapter sits on."""
    learning_rate: float = Field(2e-4, gt=0)
    """Peak of the cosine schedule. 2e-4 is the published recipe; one short epoch on a small model needs up to 1e-3."""
    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises to its peak."""
    batch_size: int = Field(1, gt=0)
    """Packed rows of one forward pass; memory grows with it."""
    gradient_accumulation: int = Field(8, gt=0)
    """Forward passes of one optimizer step."""
    epochs: float = Field(1.0, gt=0)
    """How often every row is seen."""
    packed_length: int = Field(512, gt=0)
    """Tokens of one packed batch row (best-fit-decreasing, block-diagonal attention). A longer row is not cut: it is
    trained in a packed row of its own, and the log says what that costs in memory."""
    token_budget: int | None = Field(None, gt=0)
    """Tokens of distinct rows at most, drawn evenly over categories and their tools; None trains on all."""
    seed: int = 0
    """Seed of the adapter's first weights, of dropout and of the order of rows."""
    save_steps: int = Field(50, gt=0)
    """Steps between two checkpoints: what a killed run repeats at most. It enters no fingerprint."""
    compute_type: Literal["auto", "bf16", "fp32"] = "auto"
    """Number type that training, decoding and the checks of a merge compute in. `auto` takes bf16 where the machine
    multiplies it fast and float32 elsewhere, as on CPUs that emulate bf16. A placement choice that enters no
    fingerprint: the base is quantized, and the model is merged and saved, in the same way either way."""
    max_hours: float | None = Field(6.0, gt=0)
    """Hours that training may take by its estimate. Above that it does not start: `toolft run` asks on a terminal, and
    stops where nobody can be asked. None is no limit. It enters no fingerprint."""
    memory_check: Literal["refuse", "warn"] = "refuse"
    """What happens where training needs more memory than is free by the estimate: it is refused before a weight is
    loaded, or it goes ahead with the figures in the log. It enters no fingerprint."""
    peft: dict[str, Any] = Field(default_factory=dict)
    """Anything else for `peft.LoraConfig`, by its own names."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Anything else for `trl.SFTConfig`, by its own names."""
