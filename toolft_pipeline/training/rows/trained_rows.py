"""trained_rows.parquet: the rows that an adapter was trained on, as the training run drew them.

Invariant: the file is written once, by the run that trains. Lineage and reports read it and never repeat the draw,
whose code may have changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.errors import FixableError
from toolft_pipeline.training.rows.mixing import REPLAY_ROWS
from toolft_pipeline.training.rows.sampling import DrawnRows

TRAINED_ROWS_FILE = "trained_rows.parquet"

TRAINED_ROWS_SCHEMA = pa.schema(
    [
        pa.field("side", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("weight", pa.int32(), nullable=False),
    ]
)
"""Training rows first, each side in the order in which it was given to packing. `weight` counts the repeats of a row
in one epoch."""


class TrainedRowsError(FixableError, ValueError):
    """An adapter does not record its rows; one line naming the version and what to do."""


@dataclass(frozen=True, kw_only=True)
class TrainedRow:
    """One row of an adapter's training data: its day, its run, its id, and its repeats in one epoch.

    A row of the base model's answers has `REPLAY_ROWS` for its day.
    """

    day: str
    trajectory_id: str
    row_id: str
    weight: int

    @property
    def of_agent(self) -> bool:
        """Whether it is of a run of the agent."""
        return self.day != REPLAY_ROWS


def write_trained_rows(drawn: DrawnRows, path: Path) -> None:
    """Write the rows of both sides."""
    rows = [
        {
            "side": side,
            "day": row.day,
            "trajectory_id": row.trajectory_id,
            "row_id": row.row_id,
            "weight": row.weight,
        }
        for side, rows in (("train", drawn.train.rows), ("validation", drawn.validation.rows))
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=TRAINED_ROWS_SCHEMA), path, compression="zstd")


def read_trained_rows(adapter: Path) -> list[TrainedRow]:
    """The training rows (not the validation rows) of a qlora_adapter version, in training order.

    Raises `TrainedRowsError` for an adapter of an earlier release, which has no such file.
    """
    path = adapter / TRAINED_ROWS_FILE
    if not path.is_file():
        raise TrainedRowsError(
            f"{adapter}: no {TRAINED_ROWS_FILE}: an earlier release trained this adapter and did not record its rows; "
            "every adapter that is trained from now on does"
        )
    table = pq.read_table(path, schema=TRAINED_ROWS_SCHEMA, filters=[("side", "=", "train")]).drop_columns("side")
    return [TrainedRow(**row) for row in table.to_pylist()]
