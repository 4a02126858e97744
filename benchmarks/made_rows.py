"""Random rows to train on: random ids, lengths about those of a help desk's runs, loss on the second half."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA
from toolft_pipeline.curation.selection import SELECTION_SCHEMA

DAY = "2026-10-01"


def made_rows(count: int, *, vocabulary: int = 200_000) -> list[dict[str, Any]]:
    """Rows of about 160 tokens, the same every time."""
    chance = random.Random(0)
    rows = []
    for number in range(count):
        length = min(400, max(40, round(chance.gauss(160, 60))))
        ids = [chance.randrange(1000, vocabulary) for _ in range(length)]
        labels = [-100] * (length // 2) + ids[length // 2 :]
        rows.append({"name": f"r{number}", "ids": ids, "labels": labels})
    return rows


def write_rows(place: Path, rows: list[dict[str, Any]]) -> tuple[Path, dict[str, Path]]:
    """The selection and the day's tensors, as the training stage reads them."""
    facts = {"category": "single_call", "tools": ["made"]}
    selected = [
        {"trajectory_id": row["name"], "day": DAY, "side": "train", "weight": 1, "reason": "selected", **facts}
        for row in rows
    ]
    encoded = [
        {
            "row_id": row["name"],
            "trajectory_id": row["name"],
            "input_ids": row["ids"],
            "labels": row["labels"],
            "n_tokens": len(row["ids"]),
            "n_loss_tokens": sum(label >= 0 for label in row["labels"]),
            **facts,
        }
        for row in rows
    ]
    selection, tensors = place / "selection.parquet", place / "tensors.parquet"
    pq.write_table(pa.Table.from_pylist(selected, schema=SELECTION_SCHEMA), selection)
    pq.write_table(pa.Table.from_pylist(encoded, schema=TENSOR_SCHEMA), tensors)
    return selection, {DAY: tensors}
