"""What happens beside the optimizer: progress lines, sealed checkpoints, validation loss.

Imported by the training process only: this module needs transformers to define its callbacks.

Invariant: a quantized layer never leaves train mode. On a CPU with AVX512-BF16 an eval-mode forward repacks
bitsandbytes' 4-bit weights, after which gradients and merges are wrong while the loss looks normal. Validation
therefore runs in train mode with every dropout set to zero.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from toolft_pipeline.training.checkpoints import seal
from toolft_pipeline.training.draw import Row

REPORT_EVERY_S = 10.0


class ProgressCallback(TrainerCallback):
    """One line at most every `REPORT_EVERY_S` seconds: step, loss, tokens/s, time left, peak memory."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._loss = math.nan
        self._first: tuple[float, int] | None = None
        self._shown = time.monotonic()

    def on_log(
        self,
        _args: TrainingArguments,
        _state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Remember the newest loss."""
        self._loss = (logs or {}).get("loss", self._loss)

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Between optimizer steps, for machines where one step takes long."""
        self._tick(args, state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """After an optimizer step."""
        if self._first is None:
            self._first = time.monotonic(), state.global_step
        self._tick(args, state)

    def _tick(self, _args: TrainingArguments, state: TrainerState) -> None:
        now = time.monotonic()
        if now - self._shown < REPORT_EVERY_S and state.global_step != state.max_steps:
            return
        self._shown = now
        left = ""
        if self._first is not None and state.global_step > self._first[1]:
            pace = (now - self._first[0]) / (state.global_step - self._first[1])
            left = f", {pace * (state.max_steps - state.global_step):.0f} s left"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self._report(f"step {state.global_step}/{state.max_steps}, loss {self._loss:.3f}{left}, peak {peak:.1f} GB")


class SealCallback(TrainerCallback):
    """Seals each checkpoint once Trainer has written it."""

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Called after all files of the checkpoint are written."""
        seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


class ValidationCallback(TrainerCallback):
    """Mean loss over the loss tokens of the validation rows, at the end of each epoch."""

    def __init__(self, rows: Sequence[Row], report: Callable[[str], None]) -> None:
        self._rows = rows
        self._report = report

    def on_epoch_end(
        self, _args: TrainingArguments, state: TrainerState, *_: Any, model: torch.nn.Module, **__: Any
    ) -> None:
        """Append the figure to the trainer's history."""
        if not self._rows:
            return
        self._report(f"validation on {len(self._rows)} rows")
        loss = validation_loss(model, self._rows)
        state.log_history.append({"step": state.global_step, "epoch": float(state.epoch or 0), "validation_loss": loss})
        self._report(f"validation loss {loss:.4f}")


def validation_loss(model: torch.nn.Module, rows: Sequence[Row]) -> float:
    """Cross-entropy in nats per loss token, in train mode with dropout off; leaves the model as it was."""
    total, count = 0.0, 0
    device = next(model.parameters()).device
    with torch.no_grad(), _without_dropout(model):
        for row in rows:
            ids = torch.tensor([row.input_ids], device=device)
            labels = torch.tensor(row.labels[1:], device=device)
            kept = labels != -100
            hidden = model(input_ids=ids, logits_to_keep=torch.nonzero(kept).flatten()).logits[0].float()
            total += float(torch.nn.functional.cross_entropy(hidden, labels[kept], reduction="sum"))
            count += int(kept.sum())
    return total / max(1, count)


@contextmanager
def _without_dropout(model: torch.nn.Module) -> Iterator[None]:
    modules = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    rates = [module.p for module in modules]
    for module in modules:
        module.p = 0.0
    try:
        yield
    finally:
        for module, rate in zip(modules, rates, strict=True):
            module.p = rate


def make_callbacks(*, validation: Sequence[Row], progress: Callable[[str], None]) -> list[TrainerCallback]:
    """The callbacks of a training run, in the order in which they see each event."""
    return [ProgressCallback(progress), ValidationCallback(validation, progress), SealCallback()]
