"""Train an adapter, or all weights, on the selected rows of a window.

Invariant: a run that is killed and started again with the same checkpoints folder produces the same adapter, byte for
byte on a CPU. SIGTERM and Ctrl-C lose no finished step (`stop_signals`). The published files contain no paths, times
or host names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.settings import TRAINING_PLACEMENT, TrainingSettings
from toolft_pipeline.training.attempt import begin_attempt, compute_type_of_attempt
from toolft_pipeline.training.choice.best_step import EXACT_MATCH, VALIDATION_LOSS
from toolft_pipeline.training.preflight.preflight import check_fit
from toolft_pipeline.training.preflight.time_limit import check_time
from toolft_pipeline.training.processes.count import process_count_of, step_line
from toolft_pipeline.training.processes.fit_in_processes import fit_in_processes
from toolft_pipeline.training.rows.sampling import DrawnRows
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, write_trained_rows
from toolft_pipeline.training.runtime.allocator import keep_large_blocks
from toolft_pipeline.training.runtime.heartbeat import heartbeat
from toolft_pipeline.training.runtime.kernel_caches import limit_kernel_caches
from toolft_pipeline.training.sft.fit import fit
from toolft_pipeline.training.sft.keeping_trainer import KL
from toolft_pipeline.training.sft.trackers import require_trackers
from toolft_pipeline.training.sft.training_inputs import TrainingInputs, drawn_rows

ADAPTER_FOLDER = "adapter"
"""What was trained: an adapter in PEFT's layout, or all weights as a model folder."""
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
    exceed `training.max_hours`, what `fit_in_processes` raises if one of several processes fails. SIGTERM and Ctrl-C
    during training raise, after the step in progress is saved, what the handlers of the caller raise.
    """
    require_trackers(training.report_to)
    limit_kernel_caches()
    drawn = drawn_rows(selection=selection, tensors=tensors, training=training)
    _announce(drawn, training, progress)
    processes = process_count_of(training)
    if processes > 1:
        progress(step_line(training, drawn, processes))
    compute = compute_type_of_attempt(checkpoints, wanted=training.compute_type)
    progress(compute.line)
    estimate = check_fit(
        base=base, drawn=drawn, training=training, compute=compute.type, progress=progress, processes=processes
    )
    check_time(seconds=estimate.seconds, drawn=drawn, training=training)
    if changed := begin_attempt(checkpoints, compute.type, processes=processes):
        progress(changed)
    keep_large_blocks()
    run = TrainingInputs(
        base=base,
        base_name=names.base,
        chat_format=names.chat_format,
        selection=selection,
        tensors=tensors,
        training=training,
        compute=compute.type,
        checkpoints=checkpoints,
        adapter=out / ADAPTER_FOLDER,
    )
    if processes > 1:
        fitted = fit_in_processes(run, count=processes, progress=progress)
    else:
        with heartbeat(progress=progress) as beat:
            fitted = fit(run, drawn, beat)
    history, steps, step = fitted.history, fitted.steps, fitted.step
    write_trained_rows(drawn, out / TRAINED_ROWS_FILE)
    pq.write_table(_progress_table(history), out / PROGRESS_FILE)
    headline = _headline(history, drawn=drawn, step=step)
    facts = _facts(drawn, training) | ({"processes": processes} if processes > 1 else {})
    facts |= {"computed_in": compute.type.word, "steps": steps, **headline}
    (out / TRAINING_FILE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    what = "weights" if training.method == "full" else "adapter"
    memory = fitted.peak_memory_gb
    progress(f"{what} of step {step} of {steps}, last loss {headline['last_loss']:.3f}, peak memory {memory:.1f} GB")
    return TrainingSummary(
        rows=len(drawn.train.rows),
        steps=steps,
        computed_in=compute.type.word,
        peak_memory_gb=memory,
        headline=headline,
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
    one_process = {"processes"} if training.processes == 1 else set()
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
        "settings": training.model_dump(mode="json", exclude={*TRAINING_PLACEMENT, *one_process}),
    }


def _count(names: Any) -> dict[str, int]:
    from collections import Counter

    return dict(sorted(Counter(names).items()))
