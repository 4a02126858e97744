"""`toolft explain` of a replay row: question, answer, tokens, and the adapter that saw it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.cli.output.base_answer import explain_base_answer, is_base_answer
from toolft_pipeline.errors import UsageError
from toolft_pipeline.replay_rows.rows import ANSWERS_SCHEMA
from toolft_pipeline.training.rows.trained_rows import TRAINED_ROWS_SCHEMA
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Warehouse
from toolft_pipeline_tests.agents import agent

ID = "replay/oslo"


def commit(
    warehouse: Warehouse, asset: str, day: str | None, tables: dict[str, pa.Table], rows: dict[str, int]
) -> None:
    address = ArtifactKey(agent="tester", asset=asset, partition=day)
    recipe = Recipe(address=address, fingerprint=asset * 8, code_version="1", settings={}, inputs={})
    with warehouse.staging(address) as staged:
        for name, table in tables.items():
            pq.write_table(table, staged / name)
        warehouse.commit(
            staged, recipe, BuildOutput(content=tuple(tables), rows=rows, headline={}), run_id=None, started=0.0
        )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "warehouse")
    answers = [
        {"id": ID, "category": "replay", "offer": "agent_and_foreign", "kind": "fact", "system": None,
         "question": "Where is Oslo?", "answer": "In Norway.", "left_out": None},
        {"id": "decline/roof", "category": "decline", "offer": "agent", "kind": "wish", "system": "You help.",
         "question": "Fix my roof.", "answer": "Done.", "left_out": "claims_to_act"},
    ]  # fmt: skip
    tensors = pa.table({"trajectory_id": [ID], "n_tokens": [14], "n_loss_tokens": [4]})
    tables = {"answers.parquet": pa.Table.from_pylist(answers, schema=ANSWERS_SCHEMA), "tensors.parquet": tensors}
    commit(warehouse, "replay_rows", None, tables, {"rows": 1, "asked": 2})
    row = {"side": "train", "day": "replay_rows", "trajectory_id": ID, "row_id": f"{ID}#0", "weight": 3}
    trained = pa.Table.from_pylist([row], schema=TRAINED_ROWS_SCHEMA)
    commit(warehouse, "qlora_adapter", "2026-10-01", {"trained_rows.parquet": trained}, {"rows": 1, "steps": 1})
    return warehouse


def test_explain_prints_question_answer_and_how_often_it_was_seen(
    warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_base_answer(ID)
    assert not is_base_answer("replay")
    assert explain_base_answer(warehouse, agent(tmp_path), ID, as_json=False) == 0
    said = capsys.readouterr().out
    for part in ("no run of the agent", "Where is Oslo?", "In Norway.", "agent and foreign", "14 tokens, 4 with loss"):
        assert part in said
    assert "in the adapter of 2026-10-01: 3 times an epoch" in said


def test_explain_says_why_an_answer_is_no_row(
    warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explain_base_answer(warehouse, agent(tmp_path), "decline/roof", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["left_out"], found["n_tokens"], found["repeats"]) == ("claims_to_act", 0, 0)


def test_explain_of_an_unknown_question_names_the_file(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no question 'replay/x'.*answers\.parquet"):
        explain_base_answer(warehouse, agent(tmp_path), "replay/x", as_json=False)
    with pytest.raises(UsageError, match=r"set training\.replay_share"):
        explain_base_answer(Warehouse(tmp_path / "empty"), agent(tmp_path), ID, as_json=False)
