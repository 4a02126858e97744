"""Training examples for the report: one row of each category that the model was trained on.

Invariant: only rows that the adapter records are shown, found by the model's own lineage and never by what is in force;
of each category the first of the newest day that has one. A model whose lineage does not resolve shows none, nor does
an adapter of an earlier release, which records no rows, nor one whose rows are damaged on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from toolft_pipeline.chat.chat_rows import ROWS_FILE, read_chat_rows
from toolft_pipeline.evaluation.report.training_example import TrainingExample
from toolft_pipeline.training.provenance import model_provenance
from toolft_pipeline.warehouse.lineage import lineage_of
from toolft_pipeline.warehouse.store import Version, Warehouse


def training_examples(
    warehouse: Warehouse, model: Version, *, progress: Callable[[str], None]
) -> list[TrainingExample]:
    """One row of each category of the training data, by category."""
    lineage = lineage_of(warehouse, [model])
    if lineage.gaps:
        return []
    if damaged := next((each for each in lineage.versions if _is_read(each) and warehouse.damage(each)), None):
        progress(f"the report shows no training rows: files of {damaged.manifest.address} are damaged")
        return []
    rows = {
        version.manifest.address.partition: version.file(ROWS_FILE)
        for version in lineage.versions
        if version.manifest.address.asset == "chat_rows"
    }
    examples: dict[str, TrainingExample] = {}
    provenance = model_provenance(lineage)
    if provenance.rows_problem is not None:
        progress(f"the report shows no training rows: {provenance.rows_problem}")
    days = {day: list(runs) for day, runs in groupby(provenance.trained_runs or (), key=lambda run: run.day)}
    for day, runs in sorted(days.items(), reverse=True):
        by_id = {run.trajectory_id: run for run in runs}
        for row in read_chat_rows(rows[day]):
            run = by_id.get(row.trajectory_id)
            if run is None or row.category in examples:
                continue
            examples[row.category] = TrainingExample(
                category=row.category,
                row_id=row.row_id,
                trajectory_id=row.trajectory_id,
                day=day,
                file=run.file,
                line=run.line,
                segments=row.segments,
            )
    return [row for _, row in sorted(examples.items())]


def _is_read(version: Version) -> bool:
    return version.manifest.address.asset in _READ


_READ = frozenset({"chat_rows", "verified_trajectories", "training_set", "qlora_adapter"})
"""What rows and their runs are read from, here and in `model_provenance`."""
