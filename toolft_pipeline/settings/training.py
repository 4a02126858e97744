"""`training`: how the adapter is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section

TRAINING_PLACEMENT = frozenset(
    {"save_steps", "compute_type", "flash_attention", "liger_kernels", "max_hours", "memory_check", "report_to"}
)
"""Keys of `training` that affect how the machine works, not what is learned: they enter no fingerprint."""


ENTERS_IF_CHANGED = frozenset(
    {
        "method",
        "replay_share",
        "decline_share",
        "replay_prompts",
        "replay_max_tokens",
        "kl_weight",
        "loss_type",
        "choose_by",
        "early_stop",
        "row_budget",
        "processes",
    }
)
"""Keys of `training` that enter a fingerprint only where they differ from their defaults (see `changed_from_default`),
so that adapters from before they existed stay up to date."""


Method = Literal["qlora", "lora", "full"]
"""How a model is trained."""

Processes = Annotated[int, Field(gt=0)] | Literal["auto"]
"""How many processes train one model."""

Tracker = Literal["mlflow", "tensorboard", "trackio", "wandb"]
"""Experiment trackers, by transformers' names."""


class TrainingSettings(Section):
    """How the model is trained."""

    method: Method = "qlora"
    """What is trained. `qlora`: an adapter, over a frozen base in 4-bit NormalFloat. `lora`: an adapter, over the base
    in bf16. `full`: all weights of the language model in float32, without an adapter; 16 bytes of memory for each (10
    on CUDA), and a learning rate of a tenth or less."""
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
    processes: Processes = 1
    """Processes that train together on one machine, one a GPU; each computes the gradients of its share of the rows.
    An optimizer step takes `batch_size` x `gradient_accumulation` packed rows in each, so two processes with half the
    `gradient_accumulation` take the same rows a step as one. `auto` is the visible GPUs, and 1 on a CPU."""
    epochs: float = Field(1.0, gt=0)
    """How often every row is seen."""
    packed_length: int = Field(512, gt=0)
    """Tokens of a packed row (rows in random order, block-diagonal attention). A longer row is not cut: it is trained
    unpacked, and the log says what that costs in memory."""
    token_budget: int | None = Field(None, gt=0)
    """Most tokens of distinct rows, drawn evenly over categories and tools; None trains on all rows."""
    row_budget: int | None = Field(None, gt=0)
    """Most distinct rows of the agent, drawn in the same order. A budget of tokens draws other rows with another
    tokenizer, a budget of rows the same: `toolft compare-bases` sets it. With both, the smaller draw counts."""
    replay_share: float = Field(0.0, ge=0, le=0.4)
    """Share of the trained tokens that are replay rows: answers of the base model itself to plain questions, so that
    the tuned model goes on answering like it. They count towards `token_budget`. 0 makes none."""
    decline_share: float = Field(0.0, ge=0, le=0.4)
    """Share of the trained tokens that are decline rows: questions outside the agent's job, asked with its system
    prompt and tools, and the base model's own answer without a call. They count towards `token_budget` too."""
    replay_prompts: str | None = None
    """A file of questions for both kinds of rows that replaces the package's own, in its form (docs/forgetting.md)."""
    replay_max_tokens: int = Field(64, gt=0)
    """Token limit of the base model's answers to these questions; a longer answer is left out and counted."""
    kl_weight: float = Field(0.0, ge=0)
    """Weight of a penalty for leaving the base model: the KL divergence of the tuned model's next-token distribution
    from the base's, at the positions with loss. Each step then also runs the base forward, and projects three times to
    the vocabulary instead of once."""
    loss_type: Literal["nll", "dft"] = "nll"
    """`nll` is cross entropy. `dft` multiplies each token's loss by the token's own probability (dynamic fine-tuning,
    arXiv 2508.05629): tokens that the model finds unlikely move it less. The validation loss stays cross entropy."""
    choose_by: Literal["validation_loss", "exact_match"] = "validation_loss"
    """Figure by which the published checkpoint is chosen. `exact_match` also generates up to 64 steps of validation
    runs with each evaluated checkpoint, merged as it would be published, in a process of its own, and takes the one
    that makes the most logged calls exactly; equal ones go by the validation loss."""
    early_stop: int | None = Field(None, gt=0)
    """Evaluations in a row without a better figure after which training stops; None trains all epochs. There are three
    evaluations in a run; `sft: {eval_steps: 0.1}` makes ten."""
    seed: int = 0
    """Seed of the adapter's first weights, of dropout and of the order of rows."""
    save_steps: int = Field(50, gt=0)
    """Steps between two checkpoints: what a killed run repeats at most. It enters no fingerprint."""
    compute_type: Literal["auto", "bf16", "fp32"] = "auto"
    """Number type of training, decoding and merge checks. `auto` is bf16 if the machine multiplies it fast, else
    float32 (CPUs that emulate bf16). It enters no fingerprint: the base is quantized, and the model merged and
    saved, in the same way."""
    flash_attention: bool = True
    """On a GPU, use flash attention if a package of it is installed and can run there; else, and with `false`, torch's
    own attention. It enters no fingerprint."""
    liger_kernels: bool = True
    """On a GPU, use Liger's layers (norms, rotary positions, MLP) if `liger-kernel` is installed and has them for the
    base. It enters no fingerprint."""
    max_hours: float | None = Field(6.0, gt=0)
    """Most hours of training by estimate; None is no limit. Longer training does not start: `toolft run` asks at a
    terminal and fails elsewhere. It enters no fingerprint."""
    memory_check: Literal["refuse", "warn"] = "refuse"
    """If training needs more memory than is free by estimate: refuse before weights are loaded, or warn and continue.
    It enters no fingerprint."""
    peft: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `peft.LoraConfig`."""
    sft: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `trl.SFTConfig`."""
    report_to: tuple[Tracker, ...] = ()
    """Experiment trackers that get every figure while training runs, through transformers' own callbacks; each reads
    its own environment variables (docs/training.md). It enters no fingerprint."""

    @property
    def quantization(self) -> Literal["nf4", "none"]:
        """How the base's linear layers are stored while the model is trained."""
        return quantization_of(self.method)


def quantization_of(method: Method) -> Literal["nf4", "none"]:
    """How the base's linear layers are stored while a model is trained: `nf4` is 4-bit NormalFloat."""
    return "nf4" if method == "qlora" else "none"


def changed_from_default(training: TrainingSettings) -> dict[str, Any]:
    """The settings of `ENTERS_IF_CHANGED` that differ from their defaults, for a fingerprint.

    The questions and their token limit are left out: they decide the replay rows, whose digest enters it.
    """
    fields = TrainingSettings.model_fields
    named = sorted(ENTERS_IF_CHANGED - {"replay_prompts", "replay_max_tokens"})
    return {name: value for name in named if (value := getattr(training, name)) != fields[name].default}
