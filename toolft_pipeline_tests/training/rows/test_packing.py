"""Packed rows: nothing is cut, and a long row lengthens no other."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from toolft_pipeline.training.rows import packing
from toolft_pipeline.training.rows.packing import OPEN_PACKS, pack_rows
from toolft_pipeline.training.rows.sampling import IDS_SCHEMA


def rows(*lengths: int) -> pa.Table:
    ids = [[1000 * number + position for position in range(length)] for number, length in enumerate(lengths)]
    return pa.Table.from_pylist([{"input_ids": each, "labels": each} for each in ids], schema=IDS_SCHEMA)


@pytest.mark.parametrize(
    "lengths",
    [(30, 40, 20, 64, 10), (30, 200, 40, 20, 90, 10), (200, 90), (64, 64)],
    ids=["all_fit", "some_longer", "all_longer", "exactly_full"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_pack_cuts_no_row_and_only_long_rows_are_longer(lengths: tuple[int, ...], seed: int) -> None:
    packed = pack_rows(rows(*lengths), length=64, seed=seed)
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
    lengths = [len(row["input_ids"]) for row in pack_rows(rows(*[16] * 40, 1000), length=64, seed=0)]
    assert sorted(lengths) == [64] * 10 + [1000]


def test_pack_is_full_and_mixes_long_rows_with_short_ones() -> None:
    draw = random.Random(7)
    lengths = [draw.randint(150, 450) for _ in range(400)] + [draw.randint(20, 40) for _ in range(800)]
    packed = [row["seq_lengths"] for row in pack_rows(rows(*lengths), length=512, seed=0)]
    full = [pack for pack in packed if sum(pack) > 400]  # the last ones wait for rows that do not come
    assert sum(map(sum, packed)) > 0.95 * 512 * len(full)
    assert len(packed) - len(full) <= OPEN_PACKS
    both = [pack for pack in full if max(pack) >= 150 and min(pack) <= 40]
    assert len(both) > 0.8 * len(full)


def test_pack_is_decided_by_the_seed() -> None:
    table = rows(*[20] * 50)
    packs = [[row["input_ids"] for row in pack_rows(table, length=64, seed=seed)] for seed in (0, 0, 1)]
    assert packs[0] == packs[1] != packs[2]


def test_pack_only_open_packs_get_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one open pack a row of 20 meets only a neighbour of 40; with many, each finds one."""
    table = rows(*[40] * 100, *[20] * 100)
    many = len(pack_rows(table, length=64, seed=3))
    monkeypatch.setattr(packing, "OPEN_PACKS", 1)
    few = pack_rows(table, length=64, seed=3)
    assert len(few) > many >= 100
    assert sorted(length for row in few for length in row["seq_lengths"]) == [20] * 100 + [40] * 100
