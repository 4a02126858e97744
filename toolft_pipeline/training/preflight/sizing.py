"""Compute the memory of training at a length from the model's shape alone: no weights, no rows, no device.

Invariant: the figures are those of the estimate before training, for full packed rows in which every token has loss. So
they are what a run with these settings needs at most, as long as no row is longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight.fitting_settings import settings_that_fit
from toolft_pipeline.training.preflight.memory_estimate import MemoryEstimate, estimate_memory
from toolft_pipeline.training.preflight.model_shape import ModelShape
from toolft_pipeline.training.preflight.run_plan import plan_run
from toolft_pipeline.training.rows.sampling import IDS_SCHEMA, DrawnRows, DrawnSide, Row

if TYPE_CHECKING:
    import torch

LENGTH_STEP = 128
"""Lengths are tried in steps of so many tokens."""

LONGEST_TRIED = 131_072
"""Tokens; a base whose positions end earlier is tried up to there."""


@dataclass(frozen=True, kw_only=True)
class SizedRun:
    """What stays the same while lengths and settings are tried."""

    shape: ModelShape
    training: TrainingSettings
    device: torch.device
    compute: ComputeType
    flash: bool = False
    """Whether attention is flash attention; torch's own needs more memory."""

    @property
    def longest_tried(self) -> int:
        """Tokens of the longest packed row that is considered."""
        return min(self.shape.positions, LONGEST_TRIED) // LENGTH_STEP * LENGTH_STEP

    def memory(self, length: int) -> MemoryEstimate:
        """The peak with `training.packed_length` at so many tokens."""
        return self._memory(self.training.model_copy(update={"packed_length": length}))

    def longest(self, free: float) -> int | None:
        """The longest packed row that fits into so many bytes, in steps of `LENGTH_STEP`; None if no such row does.

        The longest are tried first: where attention changes, a longer row can take less.
        """
        lengths = range(self.longest_tried, 0, -LENGTH_STEP)
        return next((length for length in lengths if self.memory(length).total <= free), None)

    def fitting(self, length: int, free: float) -> list[str]:
        """Changes of settings with which this length fits, or a shorter one; empty if none is enough."""
        return settings_that_fit(
            drawn=_NO_ROWS,
            training=self.training.model_copy(update={"packed_length": length}),
            needs=lambda _rows, training: self._memory(training).total,
            free=free,
        )

    def _memory(self, training: TrainingSettings) -> MemoryEstimate:
        plan = plan_run(
            drawn=_full_packs(training),
            training=training,
            dropout=self.shape.dropout,
            device=self.device,
            compute=self.compute,
            flash=self.flash,
        )
        return estimate_memory(shape=self.shape, plan=plan)


_NO_SIDE = DrawnSide(rows=(), ids=IDS_SCHEMA.empty_table())
_NO_ROWS = DrawnRows(train=_NO_SIDE, validation=_NO_SIDE, available=0, rowless=0)


def _full_packs(training: TrainingSettings) -> DrawnRows:
    """A batch of full packed rows; every token has loss."""
    row = Row(
        row_id="full",
        trajectory_id="full",
        day="",
        category="",
        tools=(),
        tokens=training.packed_length,
        loss_tokens=training.packed_length,
        weight=training.batch_size,
    )
    side = DrawnSide(rows=(row,), ids=IDS_SCHEMA.empty_table())
    return DrawnRows(train=side, validation=_NO_SIDE, available=1, rowless=0)
