"""One measured training run in this process: ours, ours with one thing turned off, or TRL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.training_rows import drawn_rows, loss_tokens
from benchmarks.training_switches import PACKED, SWITCHES, Rows, Switch
from toolft_pipeline.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

    from toolft_pipeline.compute_type import ComputeType

RATE = 1e-3
"""Learning rate, as in the demo."""


TRL = {
    "trl_default": "TRL's defaults: padded batches of 8 rows, checkpointing, 1,024 tokens at most",
    "trl_packed": "TRL's own packing, one pack a step, no checkpointing",
}
"""TRL's own stack in both: bitsandbytes' NF4, PEFT's layers, its loss and attention. `trl_packed` has our packed
length, learning rate, schedule and optimizer."""


def measure(
    model: Path, name: str, *, rows: Rows, place: Path, validation: Rows = (), seed: int = 0
) -> dict[str, float]:
    """Train on `rows` in the case `name` ("ours", a switch, or one of `TRL`), and return its figures.

    Rates are from the end of the first step on, which warms up. With `validation` the figure is the loss on these rows.
    `place` is the trainer's folder. Raises `SystemExit` where there are too few steps.
    """
    import trl.trainer.utils as fused
    from transformers.trainer_callback import PrinterCallback

    from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb

    with ExitStack() as stack:
        for attribute in ("_use_triton", "_ChunkedLogProbFunction"):  # our loss replaces them for the whole process
            stack.enter_context(mock.patch.object(fused, attribute, getattr(fused, attribute)))
        if name in TRL:
            trainer = _trl(model, name, rows=rows, place=place, seed=seed)
        else:
            trainer = _ours(model, SWITCHES.get(name), rows=rows, place=place, seed=seed, stack=stack)
        trainer.remove_callback(PrinterCallback)
        meter = _Meter()
        meter.watch(trainer)
        trainer.train()
        figures = {"validation_loss": _mean_loss(trainer.model, validation)} if validation else meter.rates()
    return {**figures, "steps": float(trainer.state.global_step), "peak_gb": round(peak_memory_gb(), 2)}


def _ours(model: Path, off: Switch | None, *, rows: Rows, place: Path, seed: int, stack: ExitStack) -> Any:
    from toolft_pipeline.training.runtime import allocator
    from toolft_pipeline.training.runtime.kernel_caches import limit_kernel_caches

    limit_kernel_caches()
    for patch in off.patches(rows) if off else []:
        stack.enter_context(mock.patch(f"{patch.module}.{patch.attribute}", patch.instead))
    allocator.keep_large_blocks()
    from toolft_pipeline.training.sft.sft import make_trainer

    quiet = {"save_strategy": "no", "eval_strategy": "no"}
    training = TrainingSettings(
        packed_length=PACKED,
        gradient_accumulation=1,
        learning_rate=RATE,
        lora_dropout=0.0,
        seed=seed,
        sft={**quiet, **(off.sft if off else {})},
    )
    return make_trainer(
        base=model,
        drawn=drawn_rows(rows),
        training=training,
        checkpoints=place,
        compute=_compute_type(),
        progress=lambda _line: None,
    )


def _trl(model: Path, name: str, *, rows: Rows, place: Path, seed: int) -> Any:
    import datasets
    import torch
    from peft import LoraConfig
    from transformers import AutoTokenizer, BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    ours, cuda, compute = TrainingSettings(), torch.cuda.is_available(), _compute_type()
    datasets.disable_progress_bars()
    as_ours = {
        **{"packing": True, "max_length": PACKED, "per_device_train_batch_size": 1, "gradient_checkpointing": cuda},
        **{"learning_rate": RATE, "lr_scheduler_type": "cosine", "warmup_steps": ours.warmup_ratio},
        **{"optim": "paged_adamw_8bit" if cuda else "adamw_torch", "bf16": compute.bytes == 2},
        **{"model_init_kwargs": {"dtype": compute.dtype}},
    }
    config = SFTConfig(
        output_dir=str(place),
        num_train_epochs=1,
        seed=seed,
        use_cpu=not cuda,
        **{"save_strategy": "no", "logging_steps": 1, "report_to": [], "disable_tqdm": True},
        **(as_ours if name == "trl_packed" else {}),
    )
    return SFTTrainer(
        model=str(model),
        args=config,
        train_dataset=datasets.Dataset.from_list(list(rows)),
        processing_class=AutoTokenizer.from_pretrained(model),
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
        peft_config=LoraConfig(
            r=ours.lora_r,
            lora_alpha=ours.lora_alpha,
            lora_dropout=0.0,
            target_modules=list(ours.target_modules),
            task_type="CAUSAL_LM",
        ),
    )


def _compute_type() -> ComputeType:
    from toolft_pipeline.compute_type import choose_compute_type

    return choose_compute_type("auto").type


class _Meter:
    """Counts what a trainer is given and what its model is given, and takes the time at the end of each step."""

    def __init__(self) -> None:
        self.counted = {"positions": 0, "tokens": 0, "loss_tokens": 0}
        self._ends: list[tuple[float, float, dict[str, int]]] = []

    def watch(self, trainer: Any) -> None:
        """Count from now on: the tokens of rows, and the positions that the model computes, filled ones included."""
        from transformers import TrainerCallback

        meter, train = self, trainer.training_step

        class AtStepEnd(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:
                meter._ends.append((time.perf_counter(), time.process_time(), dict(meter.counted)))

        def training_step(model: Any, inputs: Mapping[str, Any], *rest: Any) -> Any:
            meter._count(inputs)
            return train(model, inputs, *rest)

        trainer.training_step = training_step
        trainer.model.register_forward_pre_hook(self._count_positions, with_kwargs=True)
        trainer.add_callback(AtStepEnd())

    def rates(self) -> dict[str, float]:
        """Loss tokens/s, tokens/s, share of positions that are tokens of rows, CPU time."""
        if len(self._ends) < 2:
            raise SystemExit(f"{len(self._ends)} step: no rate can be measured; set --rows higher")
        (began, cpu_began, before), (ended, cpu_ended, after) = self._ends[0], self._ends[-1]
        done = {name: after[name] - before[name] for name in after}
        return {
            "loss_tokens_per_s": round(done["loss_tokens"] / (ended - began), 2),
            "tokens_per_s": round(done["tokens"] / (ended - began), 2),
            "fill": round(done["tokens"] / done["positions"], 4),
            "cpu_ms_per_loss_token": round(1000 * (cpu_ended - cpu_began) / done["loss_tokens"], 3),
            "loss_tokens": float(after["loss_tokens"]),
        }

    def _count(self, inputs: Mapping[str, Any]) -> None:
        mask = inputs.get("attention_mask")
        self.counted["tokens"] += int(inputs["input_ids"].numel() if mask is None else mask.sum())
        self.counted["loss_tokens"] += int((inputs["labels"][:, 1:] != -100).sum())

    def _count_positions(self, model: Any, _positional: Any, inputs: Mapping[str, Any]) -> None:
        import torch

        if model.training and torch.is_grad_enabled():
            self.counted["positions"] += inputs["input_ids"].numel()


def _mean_loss(model: torch.nn.Module, rows: Rows) -> float:
    """Cross entropy a labelled token, from all logits of one row at a time: the same code for every trainer.

    The model stays in train mode, in which there is no dropout here: see `training/base/quantized.py`.
    """
    import torch

    total = 0.0
    for row in rows:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row["input_ids"]], device=model.device)).logits[0, :-1]
        labels = torch.tensor(row["labels"][1:], device=logits.device)
        known = labels != -100
        total += float(torch.nn.functional.cross_entropy(logits[known].float(), labels[known], reduction="sum"))
    return total / loss_tokens(rows)
