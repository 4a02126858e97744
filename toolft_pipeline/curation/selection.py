"""The training set: for every verified run, whether it teaches, on which side, and why.

Invariant: the selection is a function of the runs as a set: the order of files, days and rows plays no part. Every
verified run of the window has exactly one row here, in or out, with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct, to_builtins

from toolft_pipeline.curation.contamination import Contamination, read_task_texts
from toolft_pipeline.curation.near_duplicates import representatives
from toolft_pipeline.curation.shingles import normalized, run_shingles, user_turns
from toolft_pipeline.curation.sides import Side, kept_for_tools, side_of
from toolft_pipeline.settings import AgentSettings, CurationSettings
from toolft_pipeline.trajectories.category import Category, categorize, tools_used
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.day import ACCEPTED_FILE

SELECTION_FILE = "selection.parquet"

SELECTION_SCHEMA = pa.schema(
    [
        pa.field("trajectory_id", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("weight", pa.int32(), nullable=False),
        pa.field("duplicate_of", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("tools", pa.list_(pa.string()), nullable=False),
    ]
)


class Selected(Struct, frozen=True, kw_only=True):
    """One run's row. `weight` is how often it is repeated in training, 0 for a run that is out."""

    trajectory_id: str
    day: str
    side: Side
    weight: int
    duplicate_of: str | None
    reason: str
    category: Category
    tools: list[str]


@dataclass(frozen=True, kw_only=True)
class SelectionSummary:
    """Counts of a selection; `tools` counts training rows, and `thin_tools` have fewer than the settings want."""

    rows: int
    train: int
    validation: int
    near_duplicates: int
    contaminated: int
    categories: dict[str, int]
    tools: dict[str, int]
    thin_tools: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """What curation needs to know of a run: its text is gone, its shingles stay."""

    trajectory_id: str
    day: str
    started_at: str
    golden: bool
    key: str
    shingles: frozenset[str]
    task: str | None
    category: Category
    tools: list[str]


def select_training_set(
    *,
    days: Mapping[str, Path],
    tasks: Path | None,
    tools: Collection[str],
    settings: AgentSettings,
    out: Path,
) -> SelectionSummary:
    """Write `selection.parquet` from verified versions (day -> folder), sorted by day and trajectory id.

    `tasks` is the file of evaluation tasks to keep out of training, `tools` the catalog's names. Raises
    `TaskTextError`.
    """
    curation = settings.curation
    texts = read_task_texts(tasks) if tasks is not None else []
    contamination = Contamination(texts, threshold=curation.near_duplicate_threshold)
    candidates = sorted(_candidates(days, contamination), key=_survival)
    rows = sorted(_select(candidates, tools=tools, curation=curation), key=lambda row: (row.day, row.trajectory_id))
    table = pa.Table.from_pylist([to_builtins(row) for row in rows], schema=SELECTION_SCHEMA)
    pq.write_table(table, out / SELECTION_FILE, compression="zstd")
    return _summary(rows, tools=tools, least=curation.min_rows_per_tool)


def _candidates(days: Mapping[str, Path], contamination: Contamination) -> Iterator[_Candidate]:
    for day, folder in days.items():
        for run in read_trajectories(folder / ACCEPTED_FILE):
            turns = user_turns(run.messages)
            yield _Candidate(
                trajectory_id=run.trajectory_id,
                day=day,
                started_at=run.started_at or "",
                golden=run.golden,
                key=normalized(run.task_key or "\n".join(turns)),
                shingles=run_shingles(run.messages),
                task=contamination.task_of(turns),
                category=categorize(run.messages),
                tools=tools_used(run.messages),
            )


def _survival(candidate: _Candidate) -> tuple[bool, str, str, str]:
    """Golden runs survive first, then older ones: a new day never unseats what was trained on before."""
    return not candidate.golden, candidate.day, candidate.started_at, candidate.trajectory_id


def _select(
    candidates: Sequence[_Candidate], *, tools: Collection[str], curation: CurationSettings
) -> Iterator[Selected]:
    clean = [candidate for candidate in candidates if candidate.task is None]
    repeats = list(
        representatives((candidate.shingles for candidate in clean), threshold=curation.near_duplicate_threshold)
    )
    used = [candidate for candidate, repeated in zip(clean, repeats, strict=True) if repeated is None]
    share, seed = curation.validation_share, curation.seed
    moved = kept_for_tools(
        [(candidate.key, candidate.tools) for candidate in used],
        tools=tools,
        least=curation.min_rows_per_tool,
        share=share,
        seed=seed,
    )
    for candidate in candidates:
        if candidate.task is not None:
            yield _row(candidate, Side.OUT, f"contaminated: asks what evaluation task {candidate.task} asks")
    for candidate, repeated in zip(clean, repeats, strict=True):
        if repeated is not None:
            survivor = clean[repeated].trajectory_id
            yield _row(candidate, Side.OUT, f"near-duplicate of {survivor}", duplicate_of=survivor)
        elif candidate.key in moved:
            yield _row(candidate, Side.TRAIN, f"kept in training for the tool {moved[candidate.key]}")
        else:
            yield _row(candidate, side_of(candidate.key, share=share, seed=seed), "side by hash of the task key")


def _row(candidate: _Candidate, side: Side, reason: str, *, duplicate_of: str | None = None) -> Selected:
    return Selected(
        trajectory_id=candidate.trajectory_id,
        day=candidate.day,
        side=side,
        weight=0 if side is Side.OUT else 1,
        duplicate_of=duplicate_of,
        reason=reason,
        category=candidate.category,
        tools=candidate.tools,
    )


def _summary(rows: Sequence[Selected], *, tools: Collection[str], least: int) -> SelectionSummary:
    sides = Counter(row.side for row in rows)
    train = [row for row in rows if row.side is Side.TRAIN]
    counts = Counter(chain.from_iterable(row.tools for row in train))
    duplicates = sum(row.duplicate_of is not None for row in rows)
    return SelectionSummary(
        rows=len(rows),
        train=sides[Side.TRAIN],
        validation=sides[Side.VALIDATION],
        near_duplicates=duplicates,
        contaminated=sides[Side.OUT] - duplicates,
        categories=dict(sorted(Counter(row.category.value for row in train).items())),
        tools={tool: counts[tool] for tool in sorted(tools)},
        thin_tools=tuple(tool for tool in sorted(tools) if counts[tool] < least),
    )
