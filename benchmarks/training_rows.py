"""Rows to train on with the lengths of the help desk's real rows (`row_lengths.csv`: tokens, and tokens with a loss).

The file has 1,000 of the 1,795 rows that the demo's `token_tensors` had on 2026-11-30, drawn with seed 0. Their text is
not needed: the time of a step depends on lengths alone. The made ids follow each other by a fixed rule with noise, so
that a model has something to learn, and a loss something to tell.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from toolft_pipeline.training.rows.sampling import DrawnRows, DrawnSide

LENGTHS_FILE = Path(__file__).resolve().parent / "row_lengths.csv"
TURNS = 3
"""Turns with a loss in a made row; the loss tokens are shared out evenly, each turn's at its end."""
FOLLOWED = 0.9
"""Share of the made ids that follow from the id before them."""
DISTINCT = 200
"""Distinct ids of made rows."""


@dataclass(frozen=True)
class RowLength:
    """Tokens of a row, and those with a loss."""

    tokens: int
    loss_tokens: int


def row_lengths(path: Path = LENGTHS_FILE) -> list[RowLength]:
    """The committed lengths, in the file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [RowLength(int(line["tokens"]), int(line["loss_tokens"])) for line in csv.DictReader(file)]


def made_rows(lengths: Sequence[RowLength], *, vocabulary: int) -> list[dict[str, list[int]]]:
    """`input_ids` and `labels` of a row for each length, the same every time."""
    draw = random.Random(0)
    known = [10 + number * (vocabulary - 10) // DISTINCT for number in range(DISTINCT)]
    following = dict(zip(known, draw.sample(known, len(known)), strict=True))
    rows = []
    for length in lengths:
        ids = [draw.choice(known)]
        while len(ids) < length.tokens:
            ids.append(following[ids[-1]] if draw.random() < FOLLOWED else draw.choice(known))
        scored = _scored(length)
        rows.append({"input_ids": ids, "labels": [each if at in scored else -100 for at, each in enumerate(ids)]})
    return rows


def read_rows(paths: Sequence[Path]) -> list[dict[str, list[int]]]:
    """`input_ids` and `labels` of real rows: files of the asset `token_tensors`."""
    rows: list[dict[str, list[int]]] = []
    for path in paths:
        rows += pq.read_table(path, columns=["input_ids", "labels"]).to_pylist()
    return rows


def drawn_rows(train: Sequence[dict[str, list[int]]], validation: Sequence[dict[str, list[int]]] = ()) -> DrawnRows:
    """Rows as the training stage draws them."""
    from toolft_pipeline.training.rows.sampling import DrawnRows

    return DrawnRows(train=_side(train), validation=_side(validation), available=len(train), rowless=0)


def loss_tokens(rows: Sequence[dict[str, list[int]]]) -> int:
    """Positions with a loss."""
    return sum(label != -100 for row in rows for label in row["labels"][1:])


def _scored(length: RowLength) -> set[int]:
    """Positions with a loss; never the first, which nothing predicts."""
    wanted = min(length.loss_tokens, length.tokens - 1)
    ends = [length.tokens * (turn + 1) // TURNS for turn in range(TURNS)]
    counts = [wanted * (turn + 1) // TURNS - wanted * turn // TURNS for turn in range(TURNS)]
    found = {at for end, count in zip(ends, counts, strict=True) for at in range(max(1, end - count), end)}
    left = (at for at in range(length.tokens - 1, 0, -1) if at not in found)
    while len(found) < wanted:  # a turn with more loss tokens than its third of the row
        found.add(next(left))
    return found


def _side(rows: Sequence[dict[str, list[int]]]) -> DrawnSide:
    from toolft_pipeline.training.rows.sampling import IDS_SCHEMA, DrawnSide, Row

    made: dict[str, Any] = {"trajectory_id": "made", "day": "2026-10-01", "category": "single_call", "tools": ("made",)}
    described = tuple(
        Row(row_id=f"r{number}", tokens=len(row["input_ids"]), loss_tokens=loss_tokens([row]), **made)
        for number, row in enumerate(rows)
    )
    return DrawnSide(rows=described, ids=pa.Table.from_pylist(list(rows), schema=IDS_SCHEMA))
