from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation import run_signatures as module
from toolft_pipeline.curation.dedup.dedup_text import call_lines, user_turns
from toolft_pipeline.curation.dedup.minhash import signatures
from toolft_pipeline.curation.dedup.shingles import shingle_sets
from toolft_pipeline.curation.run_signatures import (
    CALL_BIT,
    SIGNATURES_SCHEMA,
    batches,
    read_sets,
    run_sets,
    set_digests,
    sets_of,
    signatures_of,
    write_signatures,
)
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user

LONG = "I would like to know when my order with the lamps arrives."
HUGE = "x" * 300_000
RUNS = [
    trajectory(
        user(LONG),
        says("Which?"),
        user("Order 7"),
        calls(("a", "find_order", {"id": 7})),
        result("a", "find_order", "{}"),
        says("Today."),
        id_="two turns",
        task_key="find|7",
        started_at="2026-10-01T10:00:00Z",
    ),
    trajectory(user("Hello, NICE to meet you!"), says("Hello."), id_="no task key", golden=True),
    *(trajectory(user(text), says("?"), id_=f"hostile {text[:2]!r}") for text in ("", "one", "\0", "\U0001f600", HUGE)),
    trajectory(says("Nobody asked."), id_="no user"),
]


def written(folder: Path, runs: list[Trajectory]) -> Path:
    path = folder / "signatures.parquet"
    assert write_signatures(accepted(runs), path) == len(runs)
    return path


@pytest.mark.parametrize("rows", [2, 4096])
def test_write_signatures_reads_back_what_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    path = written(tmp_path, RUNS)
    expected = run_sets(
        [user_turns(run.messages) for run in RUNS], ["\n".join(call_lines(run.messages)) for run in RUNS]
    )
    found = read_sets(path, np.arange(len(RUNS)))
    assert found.values.tolist() == expected.values.tolist()
    assert found.offsets.tolist() == expected.offsets.tolist()
    columns = [
        (signatures_of(batch["signature"]), batch["digest"].to_numpy())
        for batch in batches(path, ["signature", "digest"])
    ]
    assert (np.concatenate([matrix for matrix, _ in columns]) == signatures(expected)).all()
    assert (np.concatenate([digest for _, digest in columns]) == set_digests(expected)).all()
    assert [each.tolist() for each in read_sets(path, np.array([0, 3, 7]))] == [expected[n].tolist() for n in (0, 3, 7)]


def test_write_signatures_rows_say_what_curation_asks(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, RUNS))
    assert table.schema.equals(SIGNATURES_SCHEMA)
    first, second = table.slice(0, 2).to_pylist()
    assert (first["trajectory_id"], first["golden"], first["task_key"]) == ("two turns", False, "find 7")
    assert (first["category"], first["tools"], first["started_at"]) == (
        "single_call",
        ["find_order"],
        RUNS[0].started_at,
    )
    assert first["turns"] == [shingle_sets([LONG])[0].tolist()]
    assert [value >= CALL_BIT for value in first["shingles"]] == sorted(
        value >= CALL_BIT for value in first["shingles"]
    )
    assert (second["golden"], second["task_key"], second["started_at"]) == (True, "hello nice to meet you", "")
    assert (second["tools"], second["turns"]) == ([], [])


def test_write_signatures_keeps_no_text_but_the_task_key(tmp_path: Path) -> None:
    secret = trajectory(user("my password is hunter2"), calls(("a", "f", {"k": "hunter2"})), says("ok"), task_key="t")
    table = pq.read_table(written(tmp_path, [secret]))
    assert "hunter2" not in str(table.to_pydict())


def test_write_signatures_row_depends_on_its_run_only(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    alone = pq.read_table(written(tmp_path / "one", RUNS[:1])).to_pylist()
    assert pq.read_table(written(tmp_path, RUNS)).to_pylist()[:1] == alone
    assert written(tmp_path / "two", RUNS).read_bytes() == (tmp_path / "signatures.parquet").read_bytes()


def test_write_signatures_day_without_runs_is_an_empty_table(tmp_path: Path) -> None:
    path = written(tmp_path, [])
    assert pq.read_table(path).schema.equals(SIGNATURES_SCHEMA)
    assert len(read_sets(path, np.empty(0, np.int64))) == 0


@given(texts=st.lists(st.text(alphabet="ab ", max_size=12), min_size=1))
def test_set_digests_are_equal_where_sets_are(texts: list[str]) -> None:
    sets = shingle_sets(texts)
    digests = set_digests(sets).tolist()
    known = {digest: each.tolist() for digest, each in zip(digests, sets, strict=True)}
    assert [known[digest] for digest in digests] == [each.tolist() for each in sets]
    assert len(known) == len({tuple(each.tolist()) for each in sets})


def test_sets_of_a_sliced_column_are_those_of_the_slice(tmp_path: Path) -> None:
    (batch,) = batches(written(tmp_path, RUNS), ["shingles", "signature"])
    whole, part = sets_of(batch["shingles"]), sets_of(batch["shingles"].slice(1, 3))
    assert [each.tolist() for each in part] == [whole[n].tolist() for n in (1, 2, 3)]
    assert (signatures_of(batch["signature"].slice(1, 3)) == signatures_of(batch["signature"])[1:4]).all()
