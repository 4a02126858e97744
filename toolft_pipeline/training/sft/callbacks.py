"""What happens beside the optimizer: progress lines, sealed checkpoints, the adapter with the best validation loss.

Invariant: callbacks read and write files; none of them touches weights, optimizer or random state, so a run with
them trains what a run without them trains.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft.checkpoints import seal, sealed

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerState

REPORT_EVERY_S = 8.0
VALIDATION_LOSS = "eval_loss"


def make_callbacks(*, checkpoints: Path, progress: Callable[[str], None]) -> list[TrainerCallback]:
    """The callbacks of a training run, in the order in which they see each event."""
    from transformers import TrainerCallback

    pace = ProgressReporter(progress=progress)

    class _Progress(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            pace.begin(state)

        def on_substep_end(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            pace.tick(state, part=1 / args.gradient_accumulation_steps)

        def on_step_end(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            pace.tick(state)

        def on_prediction_step(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            pace.tick(state, doing="validating")

        def on_log(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            pace.log(state)

    class _Keep(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
            seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")

        def on_evaluate(self, _args: Any, state: TrainerState, _control: Any, *, model: Any, **_: Any) -> None:
            if best_step(state.log_history) == state.global_step:
                save_best_adapter(model, best_folder(checkpoints, state.global_step))

    return [_Progress(), _Keep()]


def best_step(history: list[dict[str, float]]) -> int | None:
    """Step of the lowest validation loss, the first of equals; None where none was measured."""
    measured = [(entry[VALIDATION_LOSS], int(entry["step"])) for entry in history if VALIDATION_LOSS in entry]
    return min(measured)[1] if measured else None


def best_folder(checkpoints: Path, step: int) -> Path:
    """Where the adapter of a best step is kept; the name is none that Trainer rotates away."""
    return checkpoints / f"best-{step}"


def save_best_adapter(model: Any, folder: Path) -> None:
    """Save and seal an adapter, unless an earlier attempt already did."""
    if not sealed(folder):
        model.save_pretrained(folder, save_embedding_layers=False)
        seal(folder)


class ProgressReporter:
    """Says where training is: step, loss, tokens/s, time left, peak memory."""

    def __init__(self, *, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._said = time.monotonic()
        self._began = (self._said, 0, 0.0)
        self._logged = (self._said, 0)
        self._rate: float | None = None
        self._part = 0.0

    def begin(self, state: TrainerState) -> None:
        """Training starts, or goes on, at `state`."""
        now = time.monotonic()
        self._began = (now, state.global_step, 0.0)
        self._logged = (now, state.num_input_tokens_seen)

    def tick(self, state: TrainerState, *, part: float | None = None, doing: str = "") -> None:
        """After a micro-batch (`part` of a step) or a whole step; says a line when it is time."""
        self._part = 0.0 if part is None else self._part + part
        now = time.monotonic()
        last = state.global_step == state.max_steps and part is None and not doing
        if now - self._said < REPORT_EVERY_S and not last:
            return
        self._said = now
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        words = [
            f"step {state.global_step}/{state.max_steps}",
            *([doing] if doing else []),
            *([f"loss {losses[-1]:.3f}"] if losses else []),
            *([f"{self._rate:.0f} tokens/s"] if self._rate else []),
            *self._left(state, now),
            f"peak memory {peak_memory_gb():.1f} GB",
        ]
        self._progress(", ".join(words))

    def log(self, state: TrainerState) -> None:
        """Put the pace of the steps since the last log line beside it."""
        entry = state.log_history[-1]
        if "loss" not in entry:
            return
        now, (then, tokens) = time.monotonic(), self._logged
        self._rate = (state.num_input_tokens_seen - tokens) / max(1e-9, now - then)
        self._logged = (now, state.num_input_tokens_seen)
        entry["tokens_per_s"] = round(self._rate, 1)
        entry["tokens"] = state.num_input_tokens_seen

    def _left(self, state: TrainerState, now: float) -> list[str]:
        began, step, _ = self._began
        done = state.global_step + self._part - step
        if done <= 0:
            return []
        return [f"{(now - began) / done * (state.max_steps - state.global_step - self._part):.0f} s left"]


def peak_memory_gb() -> float:
    """Most memory that this process ever held: on the accelerator where there is one, else resident."""
    import torch

    device = model_device()
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**30
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**30 if sys.platform == "darwin" else 2**20)
