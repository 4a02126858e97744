"""Check before training whether it fits into memory, and estimate how long it takes.

Invariant: an estimate comes from the model's config and the drawn rows, never from a table of models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_config import load_config
from toolft_pipeline.training.preflight.fitting_settings import rows_within, settings_that_fit
from toolft_pipeline.training.preflight.memory_estimate import MemoryEstimate, estimate_memory
from toolft_pipeline.training.preflight.model_shape import ModelShape, read_shape
from toolft_pipeline.training.preflight.run_plan import plan_run
from toolft_pipeline.training.preflight.time_estimate import estimate_seconds
from toolft_pipeline.training.rows.sampling import DrawnRows
from toolft_pipeline.training.runtime.free_memory import free_memory
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft.gpu_kernels import choose_gpu_kernels

if TYPE_CHECKING:
    import torch


class DoesNotFitError(FixableError, MemoryError):
    """Training does not fit into memory; one line with the figures and settings that fit."""


@dataclass(frozen=True, kw_only=True)
class TrainingEstimate:
    """Memory needed, free bytes, and seconds."""

    memory: MemoryEstimate
    free: float
    seconds: float
    processes: int = 1
    """Processes that train together. Each needs `memory`: on a GPU of its own, or all of them of the same RAM."""
    share_memory: bool = True
    """Whether `free` is for all processes together: on a CPU."""
    long_rows: str = ""
    """The cost of rows longer than `training.packed_length`, in words; empty if there are none."""

    @property
    def text(self) -> str:
        """The figures in one line."""
        each = ""
        if self.processes > 1:
            each = f" for each of {self.processes} processes,"
        return f"{self.memory.text}{each} of {self.free / 1e9:.1f} GB free, about {self.seconds:.0f} s"

    @property
    def fits(self) -> bool:
        """Whether the memory that is free is enough."""
        return self.memory.total * (self.processes if self.share_memory else 1) <= self.free


def check_fit(
    *,
    base: Path,
    drawn: DrawnRows,
    training: TrainingSettings,
    compute: ComputeType,
    progress: Callable[[str], None],
    processes: int = 1,
) -> TrainingEstimate:
    """Estimate memory and time, and log both; `processes` train together.

    Raises `DoesNotFitError` if more memory is needed than is free, unless `training.memory_check` is "warn".
    """
    machine = _Machine(base=base, device=model_device(), compute=compute, processes=processes)
    estimate = machine.estimate(drawn, training)
    if estimate.long_rows:
        progress(estimate.long_rows)
    progress(estimate.text)
    if estimate.fits:
        return estimate
    if training.memory_check == "warn":
        progress("training needs more memory than is free; it continues because training.memory_check is warn")
        return estimate
    fitting = settings_that_fit(
        drawn=drawn,
        training=training,
        needs=lambda rows, settings: machine.memory(rows, settings).total,
        free=estimate.free / (processes if estimate.share_memory else 1),
    )
    raise DoesNotFitError(
        f"training: needs {estimate.text}; "
        + (f"settings that fit: {'; or '.join(fitting)}" if fitting else "no settings of this base model fit; use a ")
        + ("" if fitting else "smaller base model or a machine with more memory")
        + "; training.memory_check=warn trains anyway"
    )


def estimate_training(
    *, base: Path, drawn: DrawnRows, training: TrainingSettings, compute: ComputeType = ComputeType.BF16
) -> TrainingEstimate:
    """The estimate without the check."""
    return _Machine(base=base, device=model_device(), compute=compute).estimate(drawn, training)


@dataclass(frozen=True, kw_only=True)
class _Machine:
    """What stays the same while settings are tried: the base, the device and the compute type."""

    base: Path
    device: torch.device
    compute: ComputeType
    processes: int = 1
    shapes: dict[str, ModelShape] = field(default_factory=dict)
    """Shapes that were read, by method; no other setting that is tried changes one."""

    def shape(self, training: TrainingSettings) -> ModelShape:
        """The shape of what is trained with these settings."""
        if training.method not in self.shapes:
            self.shapes[training.method] = read_shape(self.base, training)
        return self.shapes[training.method]

    def estimate(self, drawn: DrawnRows, training: TrainingSettings) -> TrainingEstimate:
        """Memory and time."""
        on_gpus = self.device.type == "cuda"
        seconds = estimate_seconds(shape=self.shape(training), drawn=drawn, training=training, compute=self.compute)
        return TrainingEstimate(
            memory=self.memory(drawn, training),
            free=self._free(),
            seconds=seconds / (self.processes if on_gpus else 1),  # on a CPU they share its cores
            processes=self.processes,
            share_memory=not on_gpus,
            long_rows=self._long_rows(drawn, training),
        )

    def _free(self) -> float:
        """Bytes that are free: on the fullest of the GPUs that train."""
        import torch

        if self.processes == 1 or self.device.type != "cuda":
            return free_memory(self.device)
        return min(free_memory(torch.device("cuda", number)) for number in range(self.processes))

    def memory(self, drawn: DrawnRows, training: TrainingSettings) -> MemoryEstimate:
        """Memory only."""
        shape = self.shape(training)
        kernels = choose_gpu_kernels(
            config=load_config(self.base),
            training=training,
            compute=self.compute,
            device=self.device,
            images=drawn.shows_images,
        )
        plan = plan_run(
            drawn=drawn,
            training=training,
            dropout=shape.dropout,
            device=self.device,
            compute=self.compute,
            flash=kernels is not None and kernels.flash,
        )
        return estimate_memory(shape=shape, plan=plan)

    def _long_rows(self, drawn: DrawnRows, training: TrainingSettings) -> str:
        length = training.packed_length
        longest = max(drawn.train.longest, drawn.validation.longest)
        if longest <= length or drawn.shows_images:
            return ""
        count = sum(row.tokens > length for side in (drawn.train, drawn.validation) for row in side.rows)
        without = self.memory(rows_within(drawn, tokens=length), training).total
        return (
            f"the longest row has {longest} tokens, training.packed_length is {length}: {count} longer rows are "
            f"trained unpacked and uncut; they raise peak memory from {without / 1e9:.1f} to "
            f"{self.memory(drawn, training).total / 1e9:.1f} GB; chat.max_length={length} excludes them"
        )
