"""Shares of the base model's answers: reached, deterministic by seed, repeated at most so often, within the budget."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA
from toolft_pipeline.training.rows.mixing import MOST_REPEATS, REPLAY_ROWS, Mixture, mixture_of
from toolft_pipeline.training.rows.sampling import DrawnRows, draw_rows
from toolft_pipeline.training.rows.trained_rows import read_trained_rows, write_trained_rows
from toolft_pipeline_tests.training.made_rows import Made, agent, write_inputs

TOKENS = 20


def drawn(
    place: Path, *, shares: dict[str, float], answers: int = 60, budget: int | None = None, seed: int = 0
) -> DrawnRows:
    """Fifty rows of 40 tokens of the agent, and of each category so many of `TOKENS` tokens."""
    inputs = write_inputs(place, [Made(name=f"t{n}") for n in range(50)])
    rows = [
        {
            "row_id": f"{category}/{n}#0",
            "trajectory_id": f"{category}/{n}",
            "category": category,
            "tools": [],
            "input_ids": list(range(TOKENS)),
            "labels": [-100] * 15 + list(range(15, TOKENS)),
            "n_tokens": TOKENS,
            "n_loss_tokens": 5,
        }
        for category in ("replay", "decline")
        for n in range(answers)
    ]
    path = place / "answers.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=TENSOR_SCHEMA), path)
    return draw_rows(
        selection=inputs.selection,
        tensors={**inputs.tensors, REPLAY_ROWS: path},
        token_budget=budget,
        mixture=Mixture(shares=shares, seed=seed),
    )


def test_shares_are_of_all_trained_tokens(tmp_path: Path) -> None:
    found = drawn(tmp_path, shares={"replay": 0.2, "decline": 0.1})
    tokens = {
        category: sum(row.tokens * row.weight for row in found.train.rows if row.category == category)
        for category in ("replay", "decline", "single_call")
    }
    assert tokens["single_call"] == 2000
    assert tokens["replay"] / found.train.tokens == pytest.approx(0.2, abs=0.01)
    assert tokens["decline"] / found.train.tokens == pytest.approx(0.1, abs=0.01)
    assert [(mixed.category, mixed.rows, mixed.repeats) for mixed in found.mixed] == [
        ("replay", 28, 1),
        ("decline", 14, 1),
    ]
    assert found.available == 50
    assert {row.category for row in found.validation.rows} <= {"single_call"}
    assert found.train.ids.num_rows == 50 + 28 + 14


def test_answers_count_towards_the_budget(tmp_path: Path) -> None:
    found = drawn(tmp_path, shares={"replay": 0.25}, budget=1000)
    assert found.train.tokens <= 1000
    assert found.mixed[0].tokens == pytest.approx(250, abs=TOKENS)


def test_a_share_beyond_the_answers_repeats_them_and_says_what_is_missing(tmp_path: Path) -> None:
    found = drawn(tmp_path, shares={"replay": 0.4}, answers=5)
    assert found.mixed[0].repeats == MOST_REPEATS
    assert found.mixed[0].tokens == 5 * TOKENS * MOST_REPEATS
    assert "40.0% is asked for" in found.mixed[0].line
    assert sum(row.weight for row in found.train.rows if row.category == "replay") == found.train.ids.num_rows - 50


def test_seed_alone_chooses_the_rows(tmp_path: Path) -> None:
    first, same, other = (
        drawn(tmp_path / str(n), shares={"replay": 0.1}, seed=seed) for n, seed in enumerate([1, 1, 2])
    )
    assert first.train.ids == same.train.ids
    assert [row.row_id for row in first.train.rows] == [row.row_id for row in same.train.rows]
    assert {row.row_id for row in first.train.rows} != {row.row_id for row in other.train.rows}


def test_without_shares_the_draw_is_as_it_was(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "plain", [Made(name=f"t{n}") for n in range(50)])
    plain = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=700)
    found = drawn(tmp_path / "with", shares={}, budget=700)
    assert (found.train.rows, found.mixed) == (plain.train.rows, ())
    assert found.train.ids == plain.train.ids


def test_recorded_rows_know_that_they_are_no_runs(tmp_path: Path) -> None:
    write_trained_rows(drawn(tmp_path / "in", shares={"replay": 0.1}), tmp_path / "trained_rows.parquet")
    rows = read_trained_rows(tmp_path)
    assert {row.row_id.partition("/")[0] for row in rows if not row.of_agent} == {"replay"}
    assert sum(row.of_agent for row in rows) == 50


def test_settings_of_zero_ask_for_nothing(tmp_path: Path) -> None:
    assert not mixture_of(agent(tmp_path).training).shares
    assert mixture_of(agent(tmp_path, decline_share=0.05, seed=3).training) == Mixture(shares={"decline": 0.05}, seed=3)
