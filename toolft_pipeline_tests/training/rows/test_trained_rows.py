"""The rows that an adapter was trained on: recorded by the training run, read by everybody else."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline.training.rows.trained_rows import (
    TRAINED_ROWS_FILE,
    TRAINED_ROWS_SCHEMA,
    TrainedRow,
    TrainedRowsError,
    read_trained_rows,
    write_trained_rows,
)
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.made_rows import DAYS, Made, write_inputs


def test_trained_rows_are_those_that_training_drew(trained: Trained) -> None:
    drawn = draw_rows(selection=trained.inputs.selection, tensors=trained.inputs.tensors, token_budget=None)
    rows = read_trained_rows(trained.out)
    assert [row.row_id for row in rows] == [row.row_id for row in drawn.train.rows]
    both = pq.read_table(trained.out / TRAINED_ROWS_FILE)
    assert both.schema.equals(TRAINED_ROWS_SCHEMA)
    assert both["row_id"].to_pylist() == [row.row_id for row in (*drawn.train.rows, *drawn.validation.rows)]


def test_trained_rows_keep_day_run_and_weight_without_validation(tmp_path: Path) -> None:
    made = [Made(name="a", weight=3), Made(name="b"), Made(name="v", side="validation", prompt=2, answer=2)]
    inputs = write_inputs(tmp_path / "in", made)
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    write_trained_rows(drawn, tmp_path / TRAINED_ROWS_FILE)
    assert set(read_trained_rows(tmp_path)) == {
        TrainedRow(day=DAYS[0], trajectory_id="run-a", row_id="run-a/0", weight=3),
        TrainedRow(day=DAYS[1], trajectory_id="run-b", row_id="run-b/0", weight=1),
    }


def test_trained_rows_of_an_earlier_release_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TrainedRowsError, match=r"no trained_rows\.parquet: an earlier release trained this adapter"):
        read_trained_rows(tmp_path)
