"""The figures of a training run while it runs: added to Trainer's log entries, and kept as lines of a file.

Invariant: the figures are in the entry before any tracker sees it, so a tracker, the file and `progress.parquet` have
the same. Measuring changes no weight and no random state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.choice.best_step import VALIDATION_LOSS
from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
from toolft_pipeline.training.runtime.ranks import is_main, sum_of_processes

if TYPE_CHECKING:
    import torch
    from transformers import Trainer, TrainerCallback, TrainerState

FIGURES_FILE = "figures.jsonl"
"""One line a log entry, in the checkpoints folder."""


class LossTokens:
    """Counts the trained positions of all forward passes that have a gradient."""

    def __init__(self) -> None:
        self._counted: torch.Tensor | int = 0

    def watch(self, model: Any) -> None:
        """Count the labels of this model's inputs from now on."""
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def taken(self) -> int:
        """This process's count since the last call; on a GPU this waits for the device, once a step."""
        counted, self._counted = int(self._counted), 0
        return counted

    def _count(self, model: Any, _positional: Any, inputs: Mapping[str, Any]) -> None:
        import torch

        labels = inputs.get("labels")
        if model.training and labels is not None and torch.is_grad_enabled():
            self._counted = self._counted + (labels != -100).sum()


class Figures:
    """Adds tokens, tokens/s, loss tokens/s and peak memory to a log entry, and writes entries to a file."""

    def __init__(self, folder: Path) -> None:
        self.loss_tokens = LossTokens()
        self.rate: float | None = None
        """Tokens a second since the last entry."""
        self.trackers: Sequence[TrainerCallback] = ()
        """Callbacks of the experiment trackers."""
        self._path = folder / FIGURES_FILE
        self._logged = (time.monotonic(), 0)

    def begin(self, state: TrainerState) -> None:
        """Training starts or resumes: the file gets the entries up to this step."""
        self._logged = (time.monotonic(), state.num_input_tokens_seen)
        lines = "".join(_line(entry) for entry in state.log_history)
        if is_main():
            self._path.write_text(lines, encoding="utf-8")

    def add(self, logs: dict[str, Any], state: TrainerState) -> None:
        """Complete the entry that Trainer has just logged; `logs` is what the trackers are given."""
        entry = state.log_history[-1]
        if "loss" in entry:
            now, (then, tokens) = time.monotonic(), self._logged
            seconds = max(1e-9, now - then)
            self.rate = (state.num_input_tokens_seen - tokens) / seconds
            self._logged = (now, state.num_input_tokens_seen)
            figures = {
                "tokens": state.num_input_tokens_seen,
                "tokens_per_s": round(self.rate, 1),
                "loss_tokens_per_s": round(sum_of_processes(self.loss_tokens.taken()) / seconds, 1),
                "peak_memory_gb": round(peak_memory_gb(), 3),
            }
            entry.update(figures)
            logs.update(figures)
        self.write(entry)

    def add_later(self, measured: dict[str, Any], args: Any, state: TrainerState, control: Any) -> None:
        """Pass on figures of the current step that were measured after its entry was logged."""
        for tracker in self.trackers:
            tracker.on_log(args, state, control, logs=dict(measured))
        self.write({**measured, "step": state.global_step})

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one entry to the file, in the main process."""
        if not is_main():
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))


def put_before_trackers(figures: Figures, callback: TrainerCallback, trainer: Trainer) -> None:
    """Call `callback`, which completes the entries, before any tracker; Trainer calls its trackers first."""
    from transformers.integrations import get_reporting_integration_callbacks

    kinds = tuple(get_reporting_integration_callbacks(trainer.args.report_to))
    callbacks = trainer.callback_handler.callbacks
    figures.trackers = [each for each in callbacks if isinstance(each, kinds)]
    callbacks.remove(callback)
    callbacks.insert(0, callback)


def of_evaluation(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The entry of the last evaluation."""
    return next(entry for entry in reversed(history) if VALIDATION_LOSS in entry)


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(dict(entry), default=float) + "\n"
