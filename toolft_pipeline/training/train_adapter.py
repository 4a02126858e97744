"""Train an adapter, or all weights, on the selected rows of a window.

Invariant: a run that is killed and started again with the same checkpoints folder produces the same adapter, byte for
byte on a CPU. SIGTERM and Ctrl-C lose no finished step (`stop_signals`). The published files contain no paths, times
or host names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.ingest.images.image_store import images_folder_of
from toolft_pipeline.settings import TRAINING_PLACEMENT, TrainingSettings
from toolft_pipeline.training.attempt import begin_attempt, compute_type_of_attempt
from toolft_pipeline.training.choice.best_step import EXACT_MATCH, VALIDATION_LOSS, best_step, until_stop
from toolft_pipeline.training.choice.chooser import Chooser
from toolft_pipeline.training.choice.held_out_steps import draw_steps
from toolft_pipeline.training.preflight.preflight import check_fit
from toolft_pipeline.training.preflight.time_limit import check_time
from toolft_pipeline.training.rows.mixing import mixture_of
from toolft_pipeline.training.rows.sampling import DrawnRows, TrainingDataError, draw_rows
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, write_trained_rows
from toolft_pipeline.training.runtime.allocator import keep_large_blocks
from toolft_pipeline.training.runtime.heartbeat import heartbeat
from toolft_pipeline.training.runtime.kernel_caches import limit_kernel_caches
from toolft_pipeline.training.runtime.peak_memory import peak_memory_gb
from toolft_pipeline.training.runtime.stop_signals import make_stop_callback, stop_on_signals
from toolft_pipeline.training.sft.callbacks import best_folder, save_best
from toolft_pipeline.training.sft.checkpoints import SEAL, newest_checkpoint, sealed
from toolft_pipeline.training.sft.figures import FIGURES_FILE
from toolft_pipeline.training.sft.keeping_trainer import KL
from toolft_pipeline.training.sft.sft import make_trainer
from toolft_pipeline.training.sft.trackers import require_trackers

if TYPE_CHECKING:
    from trl import SFTTrainer

ADAPTER_FOLDER = "adapter"
"""What was trained: an adapter in PEFT's layout, or all weights as a model folder."""
ADAPTER_CONFIG = "adapter_config.json"
PROGRESS_FILE = "progress.parquet"
TRAINING_FILE = "training.json"
FEW_ROWS = 100
"""Below this number of training rows the published recipe does not hold."""

_PROGRESS = {
    "step": "step",
    "epoch": "epoch",
    "loss": "loss",
    "validation_loss": VALIDATION_LOSS,
    "exact_match": EXACT_MATCH,
    "token_accuracy": "mean_token_accuracy",
    "validation_token_accuracy": "eval_mean_token_accuracy",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "tokens": "tokens",
    "tokens_per_s": "tokens_per_s",
    "loss_tokens_per_s": "loss_tokens_per_s",
    "peak_memory_gb": "peak_memory_gb",
}
"""Columns of progress.parquet, and their names in Trainer's history."""

PROGRESS_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        *(pa.field(name, pa.int64() if name == "tokens" else pa.float64()) for name in list(_PROGRESS)[1:]),
    ]
)


@dataclass(frozen=True, kw_only=True)
class AdapterNames:
    """The base model's name in the adapter's config, and the chat format of the rows."""

    base: str
    chat_format: str


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """Rows, optimizer steps, the compute type, peak memory in GiB, and the figures to show first."""

    rows: int
    steps: int
    computed_in: str
    peak_memory_gb: float
    headline: dict[str, float]


def train_adapter(
    *,
    base: Path,
    names: AdapterNames,
    selection: Path,
    tensors: Mapping[str, Path],
    training: TrainingSettings,
    checkpoints: Path,
    out: Path,
    progress: Callable[[str], None],
) -> TrainingSummary:
    """Train on the selected rows; write `adapter/`, `trained_rows.parquet`, `progress.parquet` and `training.json` to
    `out`. The images of rows are beside their tensors; `names` has the base model's name in the adapter's config. Rows
    of the base model's answers, mixed in by their shares, are in the tensors named `REPLAY_ROWS`.

    `checkpoints` survives a killed attempt; use it for these inputs and settings only. Raises `TrainingDataError` if
    there are no rows to train on, `DoesNotFitError` if memory is insufficient, `TakesTooLongError` if training would
    exceed `training.max_hours`. SIGTERM and Ctrl-C during training raise, after the step in progress is saved, what the
    handlers of the caller raise.
    """
    require_trackers(training.report_to)
    limit_kernel_caches()
    drawn = draw_rows(
        selection=selection,
        tensors=tensors,
        token_budget=training.token_budget,
        row_budget=training.row_budget,
        mixture=mixture_of(training),
    )
    _announce(drawn, training, progress)
    compute = compute_type_of_attempt(checkpoints, wanted=training.compute_type)
    progress(compute.line)
    estimate = check_fit(base=base, drawn=drawn, training=training, compute=compute.type, progress=progress)
    check_time(seconds=estimate.seconds, drawn=drawn, training=training)
    begin_attempt(checkpoints, compute.type)
    keep_large_blocks()
    chooser = _chooser(drawn, base=base, training=training, chat_format=names.chat_format, compute=compute.type)
    with heartbeat(progress=progress) as beat:
        beat.activity = "loading the base in 4 bit" if training.method == "qlora" else "loading the base"
        trainer = make_trainer(
            base=base,
            drawn=drawn,
            training=training,
            checkpoints=checkpoints,
            compute=compute.type,
            progress=beat.log,
            images=[folder for path in tensors.values() if (folder := images_folder_of(path)) is not None],
            chooser=chooser,
        )
        resumed = newest_checkpoint(checkpoints)
        beat.log(f"figures while it runs: {checkpoints / FIGURES_FILE}")
        beat.log("training starts" if resumed is None else f"resuming after step {resumed.name.rsplit('-', 1)[1]}")
        beat.activity = "training"
        with stop_on_signals() as request:
            trainer.add_callback(make_stop_callback(request))
            result = trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
            if request.signal is not None:
                step = result.global_step
                beat.log(
                    f"{request.signal.name}: stopped after step {step}; it is saved, the next attempt goes on there"
                )
        if result.global_step == 0:
            raise TrainingDataError("training: made no optimizer step; raise training.epochs or provide more rows")
        history = _validated_history(trainer, drawn)
        history = until_stop(history, choose_by=training.choose_by, patience=training.early_stop)
        steps = max(entry["step"] for entry in history)
        beat.activity = "saving the weights" if training.method == "full" else "saving the adapter"
        step = best_step(history, choose_by=training.choose_by) or steps
        _publish(trainer, step, checkpoints=checkpoints, base_name=names.base, folder=out / ADAPTER_FOLDER)
    write_trained_rows(drawn, out / TRAINED_ROWS_FILE)
    pq.write_table(_progress_table(history), out / PROGRESS_FILE)
    headline = _headline(history, drawn=drawn, step=step)
    facts = _facts(drawn, training) | {"computed_in": compute.type.word, "steps": steps} | headline
    (out / TRAINING_FILE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    memory = peak_memory_gb()
    what = "weights" if training.method == "full" else "adapter"
    progress(f"{what} of step {step} of {steps}, last loss {headline['last_loss']:.3f}, peak memory {memory:.1f} GB")
    return TrainingSummary(
        rows=len(drawn.train.rows),
        steps=steps,
        computed_in=compute.type.word,
        peak_memory_gb=memory,
        headline=headline,
    )


def _chooser(
    drawn: DrawnRows, *, base: Path, training: TrainingSettings, chat_format: str, compute: ComputeType
) -> Chooser:
    """How the checkpoints of this run are compared. Raises `TrainingDataError`."""
    steps = draw_steps(drawn.validation.ids, seed=training.seed) if training.choose_by == "exact_match" else []
    if training.choose_by == "exact_match" and drawn.shows_images:
        raise TrainingDataError(
            "training.choose_by: exact_match generates from tokens, and some rows show images; set validation_loss"
        )
    return Chooser(
        choose_by=training.choose_by,
        early_stop=training.early_stop,
        base=base,
        method=training.method,
        chat_format=chat_format,
        compute=compute,
        steps=tuple(steps),
    )


def _announce(drawn: DrawnRows, training: TrainingSettings, progress: Callable[[str], None]) -> None:
    train = drawn.train
    progress(
        f"{len(train.rows)} of {drawn.available} training rows, {train.tokens} tokens ({train.loss_tokens} with loss), "
        f"{len(drawn.validation.rows)} validation rows, {training.epochs:g} epochs"
    )
    for mixed in drawn.mixed:
        progress(mixed.line)
    if drawn.rowless:
        progress(f"{drawn.rowless} training runs have no row: see too_long in token_tensors, and set chat.long_rows")
    if len(train.rows) < FEW_ROWS:
        progress(f"only {len(train.rows)} training rows; {FEW_ROWS} or more are recommended: log more runs")
    if drawn.shows_images:
        progress(f"{train.with_images} training rows contain images: rows are trained one by one, unpacked")


def _validated_history(trainer: SFTTrainer, drawn: DrawnRows) -> list[dict[str, Any]]:
    """Trainer's history; evaluates after the last step if Trainer did not."""
    last = trainer.state.global_step
    measured = {entry["step"] for entry in trainer.state.log_history if VALIDATION_LOSS in entry}
    if drawn.validation.rows and last not in measured:
        trainer.evaluate()
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def _publish(trainer: SFTTrainer, step: int, *, checkpoints: Path, base_name: str, folder: Path) -> None:
    """Write the adapter of the chosen step."""
    kept = best_folder(checkpoints, step)
    if step == trainer.state.global_step:
        save_best(trainer.model, kept)
    if not sealed(kept):
        raise TrainingDataError(
            f"{kept}: the adapter of the best step is missing or damaged; remove {checkpoints} and run again"
        )
    shutil.copytree(kept, folder, ignore=shutil.ignore_patterns(SEAL, "README.md"))
    path = folder / ADAPTER_CONFIG
    if not path.is_file():  # all weights: a model folder
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name
    for key, value in config.items():
        if key.endswith("modules") and isinstance(value, list):
            config[key] = sorted(value)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _progress_table(history: list[dict[str, Any]]) -> pa.Table:
    """One row a step: its log entry and, if measured, its validation loss."""
    steps: dict[int, dict[str, Any]] = {}
    for entry in history:
        if "loss" in entry or VALIDATION_LOSS in entry:
            row = steps.setdefault(entry["step"], {})
            row.update({name: entry[key] for name, key in _PROGRESS.items() if key in entry})
    return pa.Table.from_pylist([steps[step] for step in sorted(steps)], schema=PROGRESS_SCHEMA)


def _headline(history: list[dict[str, Any]], *, drawn: DrawnRows, step: int) -> dict[str, float]:
    losses = [entry["loss"] for entry in history if "loss" in entry]
    validation = {entry["step"]: entry[VALIDATION_LOSS] for entry in history if VALIDATION_LOSS in entry}
    kl = [entry[KL] for entry in history if KL in entry]
    exact = {entry["step"]: entry[EXACT_MATCH] for entry in history if EXACT_MATCH in entry}
    return {
        "tokens": float(drawn.train.tokens),
        "loss_tokens": float(drawn.train.loss_tokens),
        "first_loss": round(losses[0], 4) if losses else 0.0,
        "last_loss": round(losses[-1], 4) if losses else 0.0,
        **({"validation_loss": round(validation[step], 4)} if step in validation else {}),
        **({"last_kl_from_base": round(kl[-1], 4)} if kl else {}),
        **{f"{mixed.category}_share": round(mixed.share, 4) for mixed in drawn.mixed},
        **{f"{mixed.category}_rows": float(mixed.rows) for mixed in drawn.mixed},
        **({"exact_match": round(exact[step], 4), "chosen_step": float(step)} if step in exact else {}),
    }


def _facts(drawn: DrawnRows, training: TrainingSettings) -> dict[str, Any]:
    rows = drawn.train.rows
    return {
        **({"rows_with_images": drawn.train.with_images} if drawn.shows_images else {}),
        **({"base_answers": [asdict(mixed) for mixed in drawn.mixed]} if drawn.mixed else {}),
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
