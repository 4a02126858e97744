"""Whether training will fit, and about how long it takes, said before a weight is loaded.

Invariant: an estimate comes from the model's own config and the rows that were drawn, never from a table of models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.fitting_settings import settings_that_fit, within
from toolft_pipeline.training.free_memory import free_memory
from toolft_pipeline.training.memory_estimate import MemoryEstimate, estimate_memory
from toolft_pipeline.training.model_shape import ModelShape, read_shape
from toolft_pipeline.training.run_plan import plan_run
from toolft_pipeline.training.time_estimate import estimate_seconds


class DoesNotFitError(MemoryError):
    """Training will not fit; one line with the figures and settings that would."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Memory that is needed, bytes that are free, and seconds."""

    memory: MemoryEstimate
    free: float
    seconds: float
    long_rows: str = ""
    """What rows beyond `training.packed_length` cost; empty where there are none."""

    @property
    def text(self) -> str:
        """The figures in one line."""
        return f"{self.memory.text} of {self.free / 1e9:.1f} GB free, about {self.seconds:.0f} s"


def check_fit(*, base: Path, drawn: Drawn, training: TrainingSettings, progress: Callable[[str], None]) -> Estimate:
    """Estimate memory and time, and log both. Raises `DoesNotFitError` when more is needed than is free, unless
    `training.memory_check` is "warn"."""
    shape = read_shape(base, training)
    estimate = _estimate(shape, drawn, training)
    if estimate.long_rows:
        progress(estimate.long_rows)
    progress(estimate.text)
    if estimate.memory.total <= estimate.free:
        return estimate
    if training.memory_check == "warn":
        progress("more memory than is free; training goes ahead because training.memory_check is warn")
        return estimate
    fitting = settings_that_fit(
        drawn=drawn,
        training=training,
        needs=lambda rows, settings: _memory(shape, rows, settings).total,
        free=estimate.free,
    )
    raise DoesNotFitError(
        f"training: needs {estimate.text}; "
        + (f"settings that fit: {'; or '.join(fitting)}" if fitting else "no settings of this base model fit; use a ")
        + ("" if fitting else "smaller base model or a machine with more memory")
        + "; training.memory_check=warn goes ahead all the same"
    )


def estimate_training(*, base: Path, drawn: Drawn, training: TrainingSettings) -> Estimate:
    """The estimate alone, from config.json and the rows."""
    return _estimate(read_shape(base, training), drawn, training)


def _estimate(shape: ModelShape, drawn: Drawn, training: TrainingSettings) -> Estimate:
    return Estimate(
        memory=_memory(shape, drawn, training),
        free=free_memory(),
        seconds=estimate_seconds(shape=shape, drawn=drawn, training=training),
        long_rows=_long_rows(shape, drawn, training),
    )


def _memory(shape: ModelShape, drawn: Drawn, training: TrainingSettings) -> MemoryEstimate:
    import torch

    plan = plan_run(drawn=drawn, training=training, dropout=shape.dropout, cuda=torch.cuda.is_available())
    return estimate_memory(shape=shape, plan=plan)


def _long_rows(shape: ModelShape, drawn: Drawn, training: TrainingSettings) -> str:
    length = training.packed_length
    longest = max(drawn.train.longest, drawn.validation.longest)
    if longest <= length or drawn.shows_images:
        return ""
    count = sum(row.tokens > length for side in (drawn.train, drawn.validation) for row in side.rows)
    without = _memory(shape, within(drawn, tokens=length), training).total
    return (
        f"the longest row has {longest} tokens, training.packed_length is {length}: {count} longer rows are trained "
        f"alone, none is cut; they raise peak memory from {without / 1e9:.1f} to "
        f"{_memory(shape, drawn, training).total / 1e9:.1f} GB, and chat.max_length={length} would leave them out"
    )
