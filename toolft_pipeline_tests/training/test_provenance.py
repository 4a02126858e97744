"""A model's provenance: read from what the training run recorded, never drawn again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.training.provenance import TrainedRun, model_provenance
from toolft_pipeline.training.rows import sampling
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_FILE, write_trained_rows
from toolft_pipeline.warehouse.lineage import lineage_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.training.made_rows import DAYS, Made, write_inputs

MADE = [Made(name="a"), Made(name="b", weight=2), Made(name="out", side="out", weight=0)]


def commit(
    warehouse: Warehouse, asset: str, day: str, *made_from: Version, rows: dict[str, int] | None = None
) -> Version:
    """A version of what lies in `warehouse.root / "new"`, made from others."""
    address = ArtifactKey(agent="desk", asset=asset, partition=day)
    inputs = {
        f"{each.manifest.address.asset}/{each.manifest.address.partition}": each.manifest.content_digest
        for each in made_from
    }
    recipe = Recipe(address=address, fingerprint=f"{asset}{day}" * 4, code_version="1", settings={}, inputs=inputs)
    with warehouse.staging(address) as staged:
        content = []
        for path in (warehouse.root / "new").iterdir():
            path.rename(staged / path.name)
            content.append(path.name)
        built = BuildOutput(content=tuple(content), rows=rows or {}, headline={})
        return warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


@pytest.fixture
def adapter(tmp_path: Path) -> Version:
    """Two days of logs, a selection, and an adapter that recorded its rows."""
    warehouse, new = Warehouse(tmp_path), tmp_path / "new"
    new.mkdir()
    days = []
    for day, names in {DAYS[0]: ["a", "out"], DAYS[1]: ["b"]}.items():
        (new / "runs").write_text(day)
        raw = commit(warehouse, "raw_trajectories", day, rows={"runs": len(names)})
        runs = [
            {"trajectory_id": f"run-{name}", "source": {"file": f"{day}.jsonl", "line": line}, "golden": False}
            for line, name in enumerate(names, start=1)
        ]
        pq.write_table(pa.Table.from_pylist(runs), new / "accepted.parquet")
        days.append(commit(warehouse, "verified_trajectories", day, raw, rows={"accepted": len(names)}))
    inputs = write_inputs(tmp_path / "in", MADE)
    write_trained_rows(
        draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None), new / TRAINED_ROWS_FILE
    )
    recorded = (new / TRAINED_ROWS_FILE).rename(tmp_path / "recorded")
    inputs.selection.rename(new / "selection.parquet")
    selection = commit(warehouse, "training_set", DAYS[1], *days)
    recorded.rename(new / TRAINED_ROWS_FILE)
    return commit(warehouse, "qlora_adapter", DAYS[1], selection)


def test_provenance_reads_the_recorded_rows_and_draws_nothing(
    adapter: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "draw_rows", None)
    found = model_provenance(lineage_of(adapter.warehouse, [adapter]))
    assert found.trained_runs == (
        TrainedRun(trajectory_id="run-a", day=DAYS[0], file=f"{DAYS[0]}.jsonl", line=1, golden=False, rows=1),
        TrainedRun(trajectory_id="run-b", day=DAYS[1], file=f"{DAYS[1]}.jsonl", line=1, golden=False, rows=1),
    )
    assert [(day.runs, day.verified, day.selected, day.taught) for day in found.days] == [(2, 2, 1, 1), (1, 1, 1, 1)]


def test_provenance_without_recorded_rows_says_why(adapter: Version) -> None:
    adapter.file(TRAINED_ROWS_FILE).unlink()
    found = model_provenance(lineage_of(adapter.warehouse, [adapter]))
    assert found.trained_runs is None
    assert "an earlier release trained this adapter" in (found.rows_problem or "")
    assert [day.taught for day in found.days] == [None, None]


def test_provenance_counts_the_answers_of_the_base_apart_from_the_runs(adapter: Version, tmp_path: Path) -> None:
    table = pq.read_table(adapter.file(TRAINED_ROWS_FILE))
    answer = {"side": "train", "day": "replay_rows", "trajectory_id": "replay/a", "row_id": "replay/a#0", "weight": 2}
    more = pa.concat_tables([table, pa.Table.from_pylist([answer], schema=table.schema)])
    pq.write_table(more, adapter.file(TRAINED_ROWS_FILE))
    found = model_provenance(lineage_of(adapter.warehouse, [adapter]))
    assert found.base_answers == {"replay": 1}
    assert [run.trajectory_id for run in found.trained_runs or ()] == ["run-a", "run-b"]
    assert [day.taught for day in found.days] == [1, 1]
