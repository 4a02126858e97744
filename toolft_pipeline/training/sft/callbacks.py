"""Trainer callbacks: progress lines, sealed checkpoints, the adapters to choose from.

Invariant: callbacks only read and write files, and end a run early; none changes weights, optimizer or random state, so
the adapter of a step does not depend on them.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.choice.best_step import VALIDATION_LOSS, best_step
from toolft_pipeline.training.choice.chooser import Chooser
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft.checkpoints import seal, sealed

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerState

REPORT_EVERY_S = 8.0


def make_callbacks(
    *, checkpoints: Path, progress: Callable[[str], None], chooser: Chooser | None = None
) -> list[TrainerCallback]:
    """The callbacks of a training run, in the order in which Trainer calls them.

    Without a `chooser` the adapter with the best validation loss is kept.
    """
    from transformers import TrainerCallback

    reporter = ProgressReporter(progress=progress)

    class _Progress(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.begin(state)

        def on_substep_end(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state, fraction=1 / args.gradient_accumulation_steps)

        def on_step_end(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state)

        def on_prediction_step(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state, activity="validating")

        def on_log(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.log(state)

    class _Keep(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

        def on_evaluate(self, _args: Any, state: TrainerState, control: Any, *, model: Any, **_: Any) -> None:
            step, history = state.global_step, state.log_history
            folder = best_folder(checkpoints, step)
            if chooser is None:
                if best_step(history) == step:
                    save_best_adapter(model, folder)
                return
            if chooser.steps:
                save_best_adapter(model, folder)
                entry = next(each for each in reversed(history) if VALIDATION_LOSS in each)
                entry.update(chooser.figures(step=step, adapter=folder))
            elif chooser.is_best(history, step):
                save_best_adapter(model, folder)
            if chooser.stops(history):
                control.should_training_stop = True

    return [_Progress(), _Keep()]


def best_folder(checkpoints: Path, step: int) -> Path:
    """Folder of a best step's adapter; Trainer does not rotate folders of this name."""
    return checkpoints / f"best-{step}"


def save_best_adapter(model: Any, folder: Path) -> None:
    """Save and seal an adapter, unless an earlier attempt did."""
    if not sealed(folder):
        model.save_pretrained(folder, save_embedding_layers=False)
        seal(folder)


class ProgressReporter:
    """Logs progress: step, loss, tokens/s, time left, peak memory."""

    def __init__(self, *, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._reported_at = time.monotonic()
        self._start = (self._reported_at, 0, 0.0)
        self._logged = (self._reported_at, 0)
        self._rate: float | None = None
        self._fraction = 0.0

    def begin(self, state: TrainerState) -> None:
        """Training starts or resumes at `state`."""
        now = time.monotonic()
        self._start = (now, state.global_step, 0.0)
        self._logged = (now, state.num_input_tokens_seen)

    def tick(self, state: TrainerState, *, fraction: float | None = None, activity: str = "") -> None:
        """Called after a micro-batch (a `fraction` of a step) or a step; logs a line every `REPORT_EVERY_S`."""
        self._fraction = 0.0 if fraction is None else self._fraction + fraction
        now = time.monotonic()
        last = state.global_step == state.max_steps and fraction is None and not activity
        if now - self._reported_at < REPORT_EVERY_S and not last:
            return
        self._reported_at = now
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        parts = [
            f"step {state.global_step}/{state.max_steps}",
            *([activity] if activity else []),
            *([f"loss {losses[-1]:.3f}"] if losses else []),
            *([f"{self._rate:.0f} tokens/s"] if self._rate else []),
            *self._left(state, now),
            f"peak memory {peak_memory_gb():.1f} GB",
        ]
        self._progress(", ".join(parts))

    def log(self, state: TrainerState) -> None:
        """Add tokens and tokens/s since the last entry to Trainer's log entry."""
        entry = state.log_history[-1]
        if "loss" not in entry:
            return
        now, (then, tokens) = time.monotonic(), self._logged
        self._rate = (state.num_input_tokens_seen - tokens) / max(1e-9, now - then)
        self._logged = (now, state.num_input_tokens_seen)
        entry["tokens_per_s"] = round(self._rate, 1)
        entry["tokens"] = state.num_input_tokens_seen

    def _left(self, state: TrainerState, now: float) -> list[str]:
        began, step, _ = self._start
        done = state.global_step + self._fraction - step
        if done <= 0:
            return []
        return [f"{(now - began) / done * (state.max_steps - state.global_step - self._fraction):.0f} s left"]


def peak_memory_gb() -> float:
    """Peak memory of this process in GiB: on the accelerator if there is one, else resident."""
    import torch

    device = model_device()
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**30
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**30 if sys.platform == "darwin" else 2**20)
