"""Which rows are trained on: all of the selected ones, or as many as a token budget holds, drawn evenly.

Invariant: the draw is a function of the rows as a set. Neither the order of days nor of rows plays a part, and a
larger budget draws a superset of a smaller one's rows.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAX_VALIDATION_TOKENS = 6_000
"""Tokens of validation rows at most: a pass over them costs about half a minute on two CPU cores."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row to train on: ids and labels of equal length, and how often it is repeated."""

    row_id: str
    category: str
    tools: tuple[str, ...]
    input_ids: list[int]
    labels: list[int]
    weight: int


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The rows of both sides, each sorted by row id."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]


class EmptyTrainingSetError(ValueError):
    """Nothing to learn from; one line that says where the rows went."""


def draw_rows(*, selection: Path, tensors: Mapping[str, Path], token_budget: int | None) -> Drawn:
    """Join selection and tensors, and draw within the budget. Raises `EmptyTrainingSetError`."""
    chosen = {
        row["trajectory_id"]: (row["side"], row["weight"])
        for row in pq.read_table(selection, columns=["trajectory_id", "side", "weight"]).to_pylist()
    }
    sides: dict[str, list[Row]] = {"train": [], "validation": []}
    for path in tensors.values():
        for row, trajectory_id in _read(path):
            side, weight = chosen.get(trajectory_id, ("out", 0))
            if side in sides and any(label != -100 for label in row.labels):
                sides[side].append(Row(**{**vars(row), "weight": max(1, weight)}))
    train = evenly(sides["train"], token_budget)
    if not train:
        raise EmptyTrainingSetError(
            f"{selection}: {len(chosen)} selected runs, and no row with loss on the training side; look at the "
            "rejects of verified_trajectories, at training_set's reasons and at chat.max_length"
        )
    return Drawn(train=train, validation=evenly(sides["validation"], MAX_VALIDATION_TOKENS))


def evenly(rows: list[Row], token_budget: int | None) -> tuple[Row, ...]:
    """Rows within the budget: in turn from each (category, first tool) cell, in each cell by hash of the row id."""
    if token_budget is None:
        return tuple(sorted(rows, key=lambda row: row.row_id))
    cells: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.row_id.encode()).digest()):
        cells[row.category, min(row.tools, default="")].append(row)
    ranked = sorted(
        ((rank, cell, row) for cell, members in cells.items() for rank, row in enumerate(members)),
        key=lambda item: item[:2],
    )
    drawn: list[Row] = []
    tokens = 0
    for _, _, row in ranked:
        tokens += len(row.input_ids)
        if tokens > token_budget:
            break
        drawn.append(row)
    return tuple(sorted(drawn, key=lambda row: row.row_id))


def _read(path: Path) -> Iterator[tuple[Row, str]]:
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(columns=_COLUMNS):
            yield from _rows(batch)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Row, str]]:
    for each in batch.to_pylist():
        row = Row(
            row_id=each["row_id"],
            category=each["category"],
            tools=tuple(each["tools"]),
            input_ids=each["input_ids"],
            labels=each["labels"],
            weight=1,
        )
        yield row, each["trajectory_id"]


_COLUMNS = ["row_id", "trajectory_id", "category", "tools", "input_ids", "labels"]
