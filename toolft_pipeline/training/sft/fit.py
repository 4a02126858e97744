"""The training itself: load the base, train or resume, and write the adapter of the chosen step.

Invariant: where several processes train together, each runs this same function, and the main one alone writes files.
All of them load the same checkpoint and stop after the same step.
"""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.choice.best_step import VALIDATION_LOSS, best_step, until_stop
from toolft_pipeline.training.choice.chooser import Chooser
from toolft_pipeline.training.choice.held_out_steps import draw_steps
from toolft_pipeline.training.rows.sampling import DrawnRows, TrainingDataError
from toolft_pipeline.training.runtime import ranks
from toolft_pipeline.training.runtime.heartbeat import Heartbeat
from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
from toolft_pipeline.training.runtime.stop_signals import make_stop_callback, stop_on_signals
from toolft_pipeline.training.sft.callbacks import best_folder, save_best
from toolft_pipeline.training.sft.checkpoints import SEAL, newest_checkpoint, sealed
from toolft_pipeline.training.sft.figures import FIGURES_FILE, LossTokens
from toolft_pipeline.training.sft.sft import make_trainer
from toolft_pipeline.training.sft.training_inputs import TrainingInputs

if TYPE_CHECKING:
    from trl import SFTTrainer

ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Trainer's history up to the last step that counts, the published step, and this process's peak memory in GiB."""

    history: list[dict[str, Any]]
    step: int
    peak_memory_gb: float
    loss_tokens: int
    """Positions with loss that this process has trained since it started."""

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return max(int(entry["step"]) for entry in self.history)


def fit(run: TrainingInputs, drawn: DrawnRows, beat: Heartbeat) -> Fitted:
    """Train on the drawn rows, and write the adapter of the best step to `run.adapter`.

    Raises `TrainingDataError`; SIGTERM and Ctrl-C raise, after the step in progress is saved, what the handlers of the
    caller raise.
    """
    from accelerate.utils import set_seed

    training, chooser = run.training, _chooser(run, drawn)
    beat.activity = "loading the base in 4 bit" if training.method == "qlora" else "loading the base"
    trainer = make_trainer(
        base=run.base,
        drawn=drawn,
        training=training,
        checkpoints=run.checkpoints,
        compute=run.compute,
        progress=beat.log,
        images=run.images,
        chooser=chooser,
    )
    here = LossTokens()
    here.watch(trainer.model)
    if ranks.process_count() > 1:
        set_seed(training.seed, device_specific=True)  # else dropout would draw the same in each process
    with ranks.main_first():  # it removes the checkpoints that have no seal
        resumed = newest_checkpoint(run.checkpoints)
    beat.log(f"figures while it runs: {run.checkpoints / FIGURES_FILE}")
    beat.log("training starts" if resumed is None else f"resuming after step {resumed.name.rsplit('-', 1)[1]}")
    beat.activity = "training"
    with stop_on_signals() as request:
        trainer.add_callback(make_stop_callback(request))
        result = trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        if ranks.any_process(request.signal is not None):
            request.signal = request.signal or signal.SIGTERM  # the signal of another process
            step = result.global_step
            beat.log(f"{request.signal.name}: stopped after step {step}; it is saved, the next attempt goes on there")
    if result.global_step == 0:
        raise TrainingDataError("training: made no optimizer step; raise training.epochs or provide more rows")
    history = _validated_history(trainer, drawn)
    history = until_stop(history, choose_by=training.choose_by, patience=training.early_stop)
    beat.activity = "saving the weights" if training.method == "full" else "saving the adapter"
    step = best_step(history, choose_by=training.choose_by) or max(entry["step"] for entry in history)
    if ranks.is_main():
        _publish(trainer, step, run)
    return Fitted(history=history, step=step, peak_memory_gb=peak_memory_gb(), loss_tokens=here.taken())


def _chooser(run: TrainingInputs, drawn: DrawnRows) -> Chooser:
    """How the checkpoints of this run are compared. Raises `TrainingDataError`."""
    training = run.training
    steps = draw_steps(drawn.validation.ids, seed=training.seed) if training.choose_by == "exact_match" else []
    if training.choose_by == "exact_match" and drawn.shows_images:
        raise TrainingDataError(
            "training.choose_by: exact_match generates from tokens, and some rows show images; set validation_loss"
        )
    return Chooser(
        choose_by=training.choose_by,
        early_stop=training.early_stop,
        base=run.base,
        method=training.method,
        chat_format=run.chat_format,
        compute=run.compute,
        steps=tuple(steps),
    )


def _validated_history(trainer: SFTTrainer, drawn: DrawnRows) -> list[dict[str, Any]]:
    """Trainer's history; evaluates after the last step if Trainer did not."""
    last = trainer.state.global_step
    measured = {entry["step"] for entry in trainer.state.log_history if VALIDATION_LOSS in entry}
    if drawn.validation.rows and last not in measured:
        trainer.evaluate()
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def _publish(trainer: SFTTrainer, step: int, run: TrainingInputs) -> None:
    """Write the adapter of the chosen step."""
    kept = best_folder(run.checkpoints, step)
    if step == trainer.state.global_step:
        save_best(trainer.model, kept)
    if not sealed(kept):
        raise TrainingDataError(
            f"{kept}: the adapter of the best step is missing or damaged; remove {run.checkpoints} and run again"
        )
    shutil.copytree(kept, run.adapter, ignore=shutil.ignore_patterns(SEAL, "README.md"))
    path = run.adapter / ADAPTER_CONFIG
    if not path.is_file():  # all weights: a model folder
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = run.base_name
    for key, value in config.items():
        if key.endswith("modules") and isinstance(value, list):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
