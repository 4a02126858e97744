"""qlora_adapter: the adapter trained on the selected rows of a window.

Invariant: a run that is killed anywhere and started again with the same checkpoints folder ends in the same adapter,
byte for byte on a CPU. What is published names no place, time or host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.ingest.images.image_store import images_beside
from toolft_pipeline.settings import TRAINING_PLACEMENT, AgentSettings, TrainingSettings
from toolft_pipeline.training.attempt import begin_attempt, compute_type_of_attempt
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.preflight.preflight import check_fit
from toolft_pipeline.training.preflight.time_limit import check_time
from toolft_pipeline.training.rows.sampling import Drawn, TrainingDataError, draw_rows
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, write_trained_rows
from toolft_pipeline.training.runtime.allocator import reuse_large_blocks
from toolft_pipeline.training.runtime.heartbeat import pulse
from toolft_pipeline.training.runtime.kernel_caches import bound_kernel_caches
from toolft_pipeline.training.sft.callbacks import VALIDATION_LOSS, best_folder, best_step, keep_best, peak_memory_gb
from toolft_pipeline.training.sft.checkpoints import SEAL, newest_checkpoint, sealed
from toolft_pipeline.training.sft.sft import make_trainer

if TYPE_CHECKING:
    from trl import SFTTrainer

ADAPTER_FOLDER = "adapter"
PROGRESS_FILE = "progress.parquet"
TRAINING_FILE = "training.json"
FEW_ROWS = 100
"""Training rows below which the published recipe does not hold."""

_PROGRESS = {
    "step": "step",
    "epoch": "epoch",
    "loss": "loss",
    "validation_loss": VALIDATION_LOSS,
    "token_accuracy": "mean_token_accuracy",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "tokens": "tokens",
    "tokens_per_s": "tokens_per_s",
}
"""Columns of progress.parquet, and what Trainer's history calls them."""

PROGRESS_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        *(pa.field(name, pa.int64() if name == "tokens" else pa.float64()) for name in list(_PROGRESS)[1:]),
    ]
)


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """Rows and optimizer steps, the number type that was computed in, and the figures to show first."""

    rows: int
    steps: int
    computed_in: str
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
    """Train on the selected rows; write `adapter/`, `trained_rows.parquet`, `progress.parquet` and `training.json` to
    `out`. The images that rows show lie beside their tensors.

    `checkpoints` outlives a killed attempt, and belongs to these inputs and settings alone. Raises
    `TrainingDataError` where there is nothing to learn from, `DoesNotFitError` where memory will not do,
    `TakesTooLongError` where the estimated time is above `training.max_hours`.
    """
    bound_kernel_caches()
    training = settings.training
    drawn = draw_rows(selection=selection, tensors=tensors, token_budget=training.token_budget)
    _announce(drawn, training, progress)
    compute = compute_type_of_attempt(checkpoints, wanted=training.compute_type)
    progress(compute.line)
    estimate = check_fit(base=base, drawn=drawn, training=training, compute=compute.type, progress=progress)
    check_time(seconds=estimate.seconds, drawn=drawn, training=training)
    begin_attempt(checkpoints, compute.type)
    reuse_large_blocks()
    with pulse(progress=progress) as said:
        said.doing = "loading the base in 4 bit" if training.quantization == "nf4" else "loading the base"
        trainer = make_trainer(
            base=base,
            drawn=drawn,
            training=training,
            checkpoints=checkpoints,
            compute=compute.type,
            progress=said.say,
            images=[folder for path in tensors.values() if (folder := images_beside(path)) is not None],
        )
        resumed = newest_checkpoint(checkpoints)
        said.say("training starts" if resumed is None else f"resuming after step {resumed.name.rsplit('-', 1)[1]}")
        said.doing = "training"
        result = trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        if result.global_step == 0:
            raise TrainingDataError("training: no step was made; raise training.epochs or give it more rows")
        history = _validated_history(trainer, drawn)
        said.doing = "saving the adapter"
        step = _publish(trainer, checkpoints=checkpoints, settings=settings, folder=out / ADAPTER_FOLDER)
    write_trained_rows(drawn, out / TRAINED_ROWS_FILE)
    pq.write_table(_progress_table(history), out / PROGRESS_FILE)
    headline = _headline(history, drawn=drawn, step=step)
    facts = _facts(drawn, training) | {"computed_in": compute.type.word, "steps": result.global_step} | headline
    (out / TRAINING_FILE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    progress(
        f"adapter of step {step} of {result.global_step}, last loss {headline['last_loss']:.3f}, "
        f"peak memory {peak_memory_gb():.1f} GB"
    )
    return TrainingSummary(
        rows=len(drawn.train.rows), steps=result.global_step, computed_in=compute.type.word, headline=headline
    )


def _announce(drawn: Drawn, training: TrainingSettings, progress: Callable[[str], None]) -> None:
    train = drawn.train
    progress(
        f"{len(train.rows)} of {drawn.available} training rows, {train.tokens} tokens ({train.loss_tokens} with loss), "
        f"{len(drawn.validation.rows)} validation rows, {training.epochs:g} epochs"
    )
    if drawn.rowless:
        progress(f"{drawn.rowless} training runs have no row: see too_long in token_tensors, and chat.long_rows")
    if len(train.rows) < FEW_ROWS:
        progress(f"only {len(train.rows)} training rows; {FEW_ROWS} or more are advised: log more runs or sample some")
    if drawn.shows_images:
        progress(f"{train.pictured} training rows show images: rows are trained one by one, none is packed")


def _validated_history(trainer: SFTTrainer, drawn: Drawn) -> list[dict[str, Any]]:
    """Trainer's history, with a validation of the last step in any case."""
    last = trainer.state.global_step
    measured = {entry["step"] for entry in trainer.state.log_history if VALIDATION_LOSS in entry}
    if drawn.validation.rows and last not in measured:
        trainer.evaluate()
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def _publish(trainer: SFTTrainer, *, checkpoints: Path, settings: AgentSettings, folder: Path) -> int:
    """Write the adapter of the best validated step, or of the last where nothing was validated; returns the step."""
    step = best_step(trainer.state.log_history)
    if step is None or step == trainer.state.global_step:
        step = trainer.state.global_step
        kept = best_folder(checkpoints, step)
        keep_best(trainer.model, kept)
    else:
        kept = best_folder(checkpoints, step)
    if not sealed(kept):
        raise TrainingDataError(
            f"{kept}: the adapter of the best step is gone or damaged; remove {checkpoints} and run again"
        )
    shutil.copytree(kept, folder, ignore=shutil.ignore_patterns(SEAL, "README.md"))
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = source_name(settings.base_model)
    for key, value in config.items():
        if key.endswith("modules") and isinstance(value, list):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return step


def _progress_table(history: list[dict[str, Any]]) -> pa.Table:
    """One row a step: what was logged of it and, where it was validated, the validation loss."""
    steps: dict[int, dict[str, Any]] = {}
    for entry in history:
        if "loss" in entry or VALIDATION_LOSS in entry:
            row = steps.setdefault(entry["step"], {})
            row.update({name: entry[key] for name, key in _PROGRESS.items() if key in entry})
    return pa.Table.from_pylist([steps[step] for step in sorted(steps)], schema=PROGRESS_SCHEMA)


def _headline(history: list[dict[str, Any]], *, drawn: Drawn, step: int) -> dict[str, float]:
    losses = [entry["loss"] for entry in history if "loss" in entry]
    validation = {entry["step"]: entry[VALIDATION_LOSS] for entry in history if VALIDATION_LOSS in entry}
    return {
        "tokens": float(drawn.train.tokens),
        "loss_tokens": float(drawn.train.loss_tokens),
        "first_loss": round(losses[0], 4) if losses else 0.0,
        "last_loss": round(losses[-1], 4) if losses else 0.0,
        **({"validation_loss": round(validation[step], 4)} if step in validation else {}),
    }


def _facts(drawn: Drawn, training: TrainingSettings) -> dict[str, Any]:
    rows = drawn.train.rows
    return {
        **({"rows_with_images": drawn.train.pictured} if drawn.shows_images else {}),
        "rows": len(rows),
        "rows_available": drawn.available,
        "validation_rows": len(drawn.validation.rows),
        "validation_tokens": drawn.validation.tokens,
        "packed_length": training.packed_length,
        "longest_row": max(drawn.train.longest, drawn.validation.longest),
        "rows_of_category": _count(row.category for row in rows),
        "rows_of_tool": _count(tool for row in rows for tool in row.tools),
        "settings": training.model_dump(mode="json", exclude=set(TRAINING_PLACEMENT)),
    }


def _count(names: Any) -> dict[str, int]:
    from collections import Counter

    return dict(sorted(Counter(names).items()))
