"""One measured training run in this process: ours, ours with one thing turned off, or TRL.

To measure another part of ours, add a `Switch` to `SWITCHES`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

from benchmarks.training_rows import drawn_rows, loss_tokens
from toolft_pipeline.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

    from toolft_pipeline.compute_type import ComputeType

Rows = Sequence[dict[str, list[int]]]

PACKED = 512
"""Tokens of a packed row, as in the demo."""
RATE = 1e-3
"""Learning rate, as in the demo."""


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
    "attention": Switch(
        what="our choice of attention on a CPU: sdpa with a full mask",
        patches=lambda _rows: [
            Patch("toolft_pipeline.training.base.quantized", "attention_for", lambda *_, **__: "sdpa")
        ],
    ),
    "kept_blocks": Switch(
        what="freed memory kept for the next step: returned to the kernel",
        patches=lambda _rows: [Patch(f"{_OURS}.runtime.allocator", "keep_large_blocks", lambda: False)],
    ),
    "no_checkpointing": Switch(
        what="all activations kept: gradient checkpointing on", sft={"gradient_checkpointing": True}
    ),
}
"""Everything of ours that the table turns off, one at a time."""

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
    """Counts what a trainer's forward passes are given, and takes the time at the end of each step."""

    def __init__(self) -> None:
        self.counted = {"positions": 0, "tokens": 0, "loss_tokens": 0}
        self._ends: list[tuple[float, float, dict[str, int]]] = []

    def watch(self, trainer: Any) -> None:
        from transformers import TrainerCallback

        meter = self

        class AtStepEnd(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:
                meter._ends.append((time.perf_counter(), time.process_time(), dict(meter.counted)))

        trainer.model.register_forward_pre_hook(self._count, with_kwargs=True)
        trainer.add_callback(AtStepEnd())

    def rates(self) -> dict[str, float]:
        """Loss tokens/s, tokens/s, share of positions that are no padding, CPU time."""
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

    def _count(self, model: Any, _positional: Any, inputs: Mapping[str, Any]) -> None:
        import torch

        if not (model.training and torch.is_grad_enabled()):
            return
        mask = inputs.get("attention_mask")
        self.counted["positions"] += inputs["input_ids"].numel()
        self.counted["tokens"] += int(inputs["input_ids"].numel() if mask is None else mask.sum())
        self.counted["loss_tokens"] += int((inputs["labels"][:, 1:] != -100).sum())


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
