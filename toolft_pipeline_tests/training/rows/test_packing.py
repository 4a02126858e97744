"""Packed rows: nothing is cut, and a long row lengthens no other."""

from __future__ import annotations

import pyarrow as pa
import pytest

from toolft_pipeline.training.rows.packing import pack_rows
from toolft_pipeline.training.rows.sampling import IDS_SCHEMA


def rows(*lengths: int) -> pa.Table:
    ids = [[1000 * number + position for position in range(length)] for number, length in enumerate(lengths)]
    return pa.Table.from_pylist([{"input_ids": each, "labels": each} for each in ids], schema=IDS_SCHEMA)


@pytest.mark.parametrize(
    "lengths",
    [(30, 40, 20, 64, 10), (30, 200, 40, 20, 90, 10), (200, 90), (64, 64)],
    ids=["all_fit", "some_longer", "all_longer", "exactly_full"],
)
def test_pack_cuts_no_row_and_only_long_rows_are_longer(lengths: tuple[int, ...]) -> None:
    packed = pack_rows(rows(*lengths), length=64)
    found = []
    for row in packed:
        assert sum(row["seq_lengths"]) == len(row["input_ids"]) == len(row["labels"])
        assert len(row["input_ids"]) <= 64 or len(row["seq_lengths"]) == 1
        begin = 0
        for length in row["seq_lengths"]:
            found.append(row["input_ids"][begin : begin + length])
            begin += length
    assert sorted(found) == sorted(rows(*lengths)["input_ids"].to_pylist())


def test_pack_one_long_row_leaves_the_others_short() -> None:
    lengths = [len(row["input_ids"]) for row in pack_rows(rows(*[16] * 40, 1000), length=64)]
    assert sorted(lengths) == [64] * 10 + [1000]
