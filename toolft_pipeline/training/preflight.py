"""Whether training will fit, and about how long it takes, said before a weight is loaded.

Invariant: an estimate comes from the model's own config and the rows that were drawn, never from a table of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.free_memory import free_memory
from toolft_pipeline.training.memory_estimate import MemoryEstimate, estimate_memory
from toolft_pipeline.training.model_device import model_device
from toolft_pipeline.training.model_shape import read_shape
from toolft_pipeline.training.time_estimate import estimate_seconds


class DoesNotFitError(MemoryError):
    """Training will not fit; one line with the figures and what to lower."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Memory that is needed, bytes that are free, and seconds."""

    memory: MemoryEstimate
    free: float
    seconds: float

    @property
    def text(self) -> str:
        """The figures in one line."""
        return f"{self.memory.text} of {self.free / 1e9:.1f} GB free, about {self.seconds:.0f} s"


def check_fit(*, base: Path, drawn: Drawn, training: TrainingSettings, compute: ComputeType) -> Estimate:
    """Estimate memory and time. Raises `DoesNotFitError` when more is needed than is free."""
    estimate = estimate_training(base=base, drawn=drawn, training=training, compute=compute)
    if estimate.memory.total > estimate.free:
        raise DoesNotFitError(
            f"training: needs {estimate.text}; lower training.packed_length or training.batch_size, choose a smaller "
            "base model, or give the machine more memory"
        )
    return estimate


def estimate_training(
    *, base: Path, drawn: Drawn, training: TrainingSettings, compute: ComputeType = ComputeType.BF16
) -> Estimate:
    """The estimate alone, from config.json, the headers of the weights, and the rows."""
    shape = read_shape(base, training)
    return Estimate(
        memory=estimate_memory(shape=shape, drawn=drawn, training=training, compute=compute),
        free=free_memory(model_device()),
        seconds=estimate_seconds(shape=shape, drawn=drawn, training=training, compute=compute),
    )
