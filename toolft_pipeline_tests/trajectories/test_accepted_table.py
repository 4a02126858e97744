"""Accepted rows: written and read back equal; trajectories alone; tables of older releases."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.trajectories.accepted_table import (
    ACCEPTED_SCHEMA,
    AcceptedTableError,
    read_accepted_rows,
    write_accepted_rows,
)
from toolft_pipeline.trajectories.row_writer import write_trajectories
from toolft_pipeline.trajectories.table import BATCH_ROWS, read_trajectories
from toolft_pipeline_tests.chat.conversations import SHAPES
from toolft_pipeline_tests.conversations import accepted


@pytest.mark.parametrize("count", [0, 1, len(SHAPES), BATCH_ROWS + 1])
def test_accepted_rows_read_back_as_written(tmp_path: Path, count: int) -> None:
    rows = (accepted(SHAPES) * (count // len(SHAPES) + 1))[:count]
    path = tmp_path / "accepted.parquet"
    assert write_accepted_rows(rows, path) == count
    assert pq.read_schema(path).equals(ACCEPTED_SCHEMA)
    assert list(read_accepted_rows(path)) == rows
    assert list(read_trajectories(path)) == [row.run for row in rows]


def test_table_without_categories_is_refused_with_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "accepted.parquet"
    write_trajectories(SHAPES, path)
    with pytest.raises(AcceptedTableError, match=r"no columns category, tools and failed.*run verified_traj"):
        list(read_accepted_rows(path))
