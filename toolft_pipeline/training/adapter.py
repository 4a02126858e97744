"""The adapter: QLoRA through TRL's SFTTrainer over our own ids and labels.

Invariant: what is trained on is what was proven. Rows go in as `input_ids` + `labels`; nothing is tokenized a second
time, nothing is truncated, and packing keeps rows apart (best-fit bins, block-diagonal attention by position ids). A
run that is killed and started again with the same checkpoints folder ends in the same adapter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.settings import AgentSettings, TrainingSettings
from toolft_pipeline.training.checkpoints import newest_checkpoint
from toolft_pipeline.training.draw import Drawn, Row, draw_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

ADAPTER_FOLDER = "adapter"
PROGRESS_FILE = "progress.parquet"
TRAINING_FILE = "training.json"

PROGRESS_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        pa.field("epoch", pa.float64(), nullable=False),
        pa.field("loss", pa.float64()),
        pa.field("learning_rate", pa.float64()),
        pa.field("validation_loss", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """Rows and optimizer steps, and the figures to show first."""

    rows: int
    steps: int
    headline: dict[str, float]


def train_adapter(
    *,
    base: Path,
    selection: Path,
    tensors: Mapping[str, Path],
    settings: AgentSettings,
    checkpoints: Path,
    out: Path,
    progress: Callable[[str], None],
) -> TrainingSummary:
    """Train on the selected rows and write `out/adapter`, `out/progress.parquet`, `out/training.json`.

    `checkpoints` outlives a killed attempt. Raises `EmptyTrainingSetError` where there is nothing to learn from.
    """
    training = settings.training
    drawn = draw_rows(selection=selection, tensors=tensors, token_budget=training.token_budget)
    tokens = sum(len(row.input_ids) * row.weight for row in drawn.train)
    progress(f"{len(drawn.train)} rows, {tokens} tokens, {training.epochs:g} epochs; loading the base")

    from transformers import set_seed

    set_seed(training.seed)
    trainer = _make_trainer(base=base, drawn=drawn, training=training, checkpoints=checkpoints, progress=progress)
    resume = newest_checkpoint(checkpoints)
    if resume is not None:
        progress(f"resuming from {resume.name}")
    result = trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    _save_adapter(trainer.model, out / ADAPTER_FOLDER)
    history = [entry for entry in trainer.state.log_history if "loss" in entry or "validation_loss" in entry]
    pq.write_table(pa.Table.from_pylist(history, schema=PROGRESS_SCHEMA), out / PROGRESS_FILE)
    losses = [entry["loss"] for entry in history if "loss" in entry]
    validation = [entry["validation_loss"] for entry in history if "validation_loss" in entry]
    headline = {
        "tokens": float(tokens),
        "loss_tokens": float(sum(_loss_tokens(row) * row.weight for row in drawn.train)),
        "last_loss": round(losses[-1], 4) if losses else 0.0,
        **({"validation_loss": round(validation[-1], 4)} if validation else {}),
    }
    facts = {
        "rows": len(drawn.train),
        "validation_rows": len(drawn.validation),
        "steps": result.global_step,
        **headline,
    }
    (out / TRAINING_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return TrainingSummary(rows=len(drawn.train), steps=result.global_step, headline=headline)


def _make_trainer(
    *, base: Path, drawn: Drawn, training: TrainingSettings, checkpoints: Path, progress: Callable[[str], None]
) -> Any:
    import torch
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from toolft_pipeline.training.callbacks import make_callbacks
    from toolft_pipeline.training.loss_positions import score_loss_positions_only

    score_loss_positions_only()
    cuda = torch.cuda.is_available()
    config = {
        "output_dir": str(checkpoints),
        "max_length": training.packed_length,
        "packing": True,
        "packing_strategy": "bfd",
        "per_device_train_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "num_train_epochs": training.epochs,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": training.warmup_ratio,  # below 1 it is a share of all steps
        "optim": "paged_adamw_8bit" if cuda else "adamw_torch",
        "bf16": cuda,
        "use_cpu": not cuda,
        "gradient_checkpointing": cuda,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": training.save_steps,
        "save_total_limit": 2,
        "seed": training.seed,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        **training.sft,
    }
    lora = {
        "r": training.lora_r,
        "lora_alpha": training.lora_alpha,
        "lora_dropout": training.lora_dropout,
        "bias": "none",
        "target_modules": list(training.target_modules),
        "task_type": "CAUSAL_LM",
        **training.peft,
    }
    return SFTTrainer(
        model=load_base(base, quantization=training.quantization),
        args=SFTConfig(**config),
        train_dataset=to_dataset(drawn.train),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(**lora),
        callbacks=make_callbacks(validation=drawn.validation, progress=progress),
    )


def load_base(base: Path, *, quantization: str) -> PreTrainedModel:
    """The base in bf16, its linear layers in NF4 with double quantization where asked for (QLoRA, 2023)."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantized = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.bfloat16, quantization_config=quantized if quantization == "nf4" else None
    )
    return model


def to_dataset(rows: tuple[Row, ...]) -> Dataset:
    """Rows as TRL takes them, each repeated by its weight."""
    from datasets import Dataset

    repeated = [row for row in rows for _ in range(row.weight)]
    return Dataset.from_dict(
        {"input_ids": [row.input_ids for row in repeated], "labels": [row.labels for row in repeated]}
    )


def _loss_tokens(row: Row) -> int:
    return sum(label != -100 for label in row.labels)


def _save_adapter(model: Any, folder: Path) -> None:
    """Save with a config that names no place on this machine and lists modules in one order."""
    model.save_pretrained(folder)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "base_model"
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)
