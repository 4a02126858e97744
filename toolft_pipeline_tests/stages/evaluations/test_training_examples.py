"""Training examples on the report page: read only from files that are as they were committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.stages.evaluations.training_examples import training_examples
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit, model

DAY = "2026-10-01"


def lineage(warehouse: Warehouse, asset: str) -> tuple[Version, Version]:
    """A version of an asset, and a model that was made from it."""
    read = commit(warehouse, asset, DAY, asset)
    made_from = {f"{asset}/{DAY}": read.manifest.content_digest}
    return read, commit(warehouse, "merged_model", DAY, "model", inputs=made_from)


@pytest.mark.parametrize("asset", ["chat_rows", "verified_trajectories"])
def test_damaged_rows_are_not_shown_and_the_report_says_so(tmp_path: Path, asset: str) -> None:
    warehouse, said = Warehouse(tmp_path), list[str]()
    read, candidate = lineage(warehouse, asset)
    (read.folder / "model" / "weights").write_text("edited")
    assert training_examples(warehouse, candidate, progress=said.append) == []
    assert said == [f"the report shows no training rows: files of {AGENT}/{asset}/{DAY} are damaged"]


def test_damage_in_what_is_not_read_hides_nothing(tmp_path: Path) -> None:
    warehouse, said = Warehouse(tmp_path), list[str]()
    candidate = model(warehouse, DAY, "model")
    (candidate.folder / "model" / "weights").unlink()
    training_examples(warehouse, candidate, progress=said.append)
    assert said == []
