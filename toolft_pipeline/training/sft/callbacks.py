"""Trainer callbacks: progress lines, sealed checkpoints, the adapters to choose from.

Invariant: callbacks only read and write files, and end a run early; none changes weights, optimizer or random state, so
the adapter of a step does not depend on them. Where several processes train together, the main one alone writes, and a
checkpoint is sealed when each of them has written its random state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.choice.best_step import best_step
from toolft_pipeline.training.choice.chooser import Chooser
from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
from toolft_pipeline.training.runtime.ranks import is_main, main_first, wait_for_all
from toolft_pipeline.training.sft.checkpoints import seal, sealed
from toolft_pipeline.training.sft.figures import Figures, of_evaluation
from toolft_pipeline.training.sft.full_weights import save_rounded

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerState

REPORT_EVERY_S = 8.0


def make_callbacks(
    *, checkpoints: Path, progress: Callable[[str], None], figures: Figures, chooser: Chooser | None = None
) -> list[TrainerCallback]:
    """The callbacks of a training run, in the order in which Trainer calls them.

    Without a `chooser` the adapter with the best validation loss is kept.
    """
    from transformers import TrainerCallback

    reporter = ProgressReporter(progress=progress, figures=figures)

    class _Progress(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.begin(state)

        def on_substep_end(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state, fraction=1 / args.gradient_accumulation_steps)

        def on_step_end(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state)

        def on_prediction_step(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            reporter.tick(state, activity="validating")

    class _Figures(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            figures.begin(state)

        def on_log(
            self, _args: Any, state: TrainerState, _control: Any, *, logs: dict[str, Any] | None = None, **_: Any
        ) -> None:
            figures.add({} if logs is None else logs, state)

    class _Keep(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            wait_for_all()
            if is_main():
                seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

        def on_evaluate(self, args: Any, state: TrainerState, control: Any, *, model: Any, **_: Any) -> None:
            step, history = state.global_step, state.log_history
            folder = best_folder(checkpoints, step)
            if chooser is None:
                if best_step(history) == step:
                    save_best(model, folder)
                return
            if chooser.steps:
                with main_first():  # the others read what it measured
                    save_best(model, folder)
                    measured = chooser.figures(step=step, adapter=folder)
                of_evaluation(history).update(measured)
                figures.add_later(measured, args, state, control)
            elif chooser.is_best(history, step):
                save_best(model, folder)
            if chooser.stops(history):
                control.should_training_stop = True

    return [_Figures(), _Progress(), _Keep()]


def best_folder(checkpoints: Path, step: int) -> Path:
    """Folder of a best step's adapter; Trainer does not rotate folders of this name."""
    return checkpoints / f"best-{step}"


def save_best(model: Any, folder: Path) -> None:
    """Save and seal an adapter, or all weights, in the main process, unless an earlier attempt did."""
    from peft import PeftModel

    if not is_main() or sealed(folder):
        return
    if isinstance(model, PeftModel):
        model.save_pretrained(folder, save_embedding_layers=False)
    else:
        save_rounded(model, folder)
    seal(folder)


class ProgressReporter:
    """Logs progress: step, loss, tokens/s, time left, peak memory."""

    def __init__(self, *, progress: Callable[[str], None], figures: Figures) -> None:
        self._progress = progress
        self._figures = figures
        self._reported_at = time.monotonic()
        self._start = (self._reported_at, 0, 0.0)
        self._fraction = 0.0

    def begin(self, state: TrainerState) -> None:
        """Training starts or resumes at `state`."""
        now = time.monotonic()
        self._start = (now, state.global_step, 0.0)

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
            *([f"{self._figures.rate:.0f} tokens/s"] if self._figures.rate else []),
            *self._left(state, now),
            f"peak memory {peak_memory_gb():.1f} GB",
        ]
        self._progress(", ".join(parts))

    def _left(self, state: TrainerState, now: float) -> list[str]:
        began, step, _ = self._start
        done = state.global_step + self._fraction - step
        if done <= 0:
            return []
        return [f"{(now - began) / done * (state.max_steps - state.global_step - self._fraction):.0f} s left"]
