"""Inputs of the training stage, made by hand: a selection and a day of token tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA
from toolft_pipeline.curation.selection import SELECTION_SCHEMA
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.merging.model_card import CardText

DAYS = ("2026-10-01", "2026-10-02")


@dataclass(frozen=True, kw_only=True)
class Made:
    """One row: its ids are a fixed prompt, then an answer that repeats, so that a tiny model learns it."""

    name: str
    side: str = "train"
    category: str = "single_call"
    tools: tuple[str, ...] = ("search",)
    prompt: int = 24
    answer: int = 16
    masked: bool = False
    weight: int = 1

    @property
    def ids(self) -> list[int]:
        start = 1000 + 17 * (sum(map(ord, self.name)) % 50)
        return [2, *range(start, start + self.prompt - 1)] + [7000 + 3 * (n % 4) for n in range(self.answer)]

    @property
    def labels(self) -> list[int]:
        loss = [-100] * self.answer if self.masked else self.ids[self.prompt :]
        return [-100] * self.prompt + loss


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Where the stage's inputs lie."""

    selection: Path
    tensors: dict[str, Path] = field(default_factory=dict)


def write_inputs(folder: Path, rows: Sequence[Made], *, days: Sequence[str] = DAYS) -> Inputs:
    """Write selection.parquet and one tensors file a day, rows dealt out over the days."""
    folder.mkdir(parents=True, exist_ok=True)
    day_of = {row.name: days[number % len(days)] for number, row in enumerate(rows)}
    selected = [
        {
            "trajectory_id": f"run-{row.name}",
            "day": day_of[row.name],
            "side": row.side,
            "weight": row.weight,
            "duplicate_of": None,
            "reason": "selected",
            "category": row.category,
            "tools": list(row.tools),
        }
        for row in rows
    ]
    selection = folder / "selection.parquet"
    pq.write_table(pa.Table.from_pylist(selected, schema=SELECTION_SCHEMA), selection)
    tensors = {}
    for day in days:
        path = tensors[day] = folder / day / "tensors.parquet"
        path.parent.mkdir(exist_ok=True)
        table = pa.Table.from_pylist([_tensor(row) for row in rows if day_of[row.name] == day], schema=TENSOR_SCHEMA)
        pq.write_table(table, path)
    return Inputs(selection=selection, tensors=tensors)


def _tensor(row: Made) -> dict[str, Any]:
    return {
        "row_id": f"run-{row.name}/0",
        "trajectory_id": f"run-{row.name}",
        "category": row.category,
        "tools": list(row.tools),
        "input_ids": row.ids,
        "labels": row.labels,
        "n_tokens": len(row.ids),
        "n_loss_tokens": sum(label != -100 for label in row.labels),
    }


def lesson() -> list[Made]:
    """Twenty training rows and four validation rows: about 20 steps of a tiny model."""
    train = [Made(name=f"t{number}", tools=(f"tool{number % 3}",)) for number in range(20)]
    return train + [Made(name=f"v{number}", side="validation", prompt=8, answer=8) for number in range(4)]


def agent(base: Path, **training: Any) -> AgentSettings:
    """An agent over a base model in a folder, trained in small steps."""
    small = {"lora_r": 4, "lora_alpha": 8, "learning_rate": 5e-3, "packed_length": 96, "gradient_accumulation": 2}
    return AgentSettings.model_validate(
        {
            "name": "assistant",
            "folder": base.parent,
            "first_day": DAYS[0],
            "catalog": {"file": "catalog.json"},
            "base_model": {"folder": str(base)},
            "training": {**small, "save_steps": 2, "epochs": 2.0, **training},
        }
    )


def merge_settings(settings: AgentSettings) -> dict[str, Any]:
    """What `merge_adapter` takes of an agent's settings."""
    card = CardText(name=settings.name, description=settings.description, base=source_name(settings.base_model))
    return {"chat": settings.chat, "training": settings.training, "card": card}
