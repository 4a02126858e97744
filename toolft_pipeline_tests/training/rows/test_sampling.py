"""The draw: even over tools and categories, within its budget, the same for any order of the rows."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.training.rows.sampling import Row, TrainingDataError, draw_evenly, draw_rows
from toolft_pipeline_tests.training.made_rows import Made, lesson, write_inputs

TOOLS = [f"tool{number}" for number in range(6)]
CATEGORIES = ["single_call", "multi_step", "no_tool"]


def row(number: int, category: str, tools: list[str], tokens: int = 50) -> Row:
    return Row(
        row_id=f"r{number}",
        trajectory_id=f"run-{number}",
        day="2026-10-01",
        category=category,
        tools=tuple(tools),
        tokens=tokens,
        loss_tokens=tokens // 2,
    )


ROWS = st.lists(
    st.tuples(st.sampled_from(CATEGORIES), st.lists(st.sampled_from(TOOLS), max_size=3), st.integers(10, 90)),
    min_size=1,
    max_size=40,
).map(lambda each: [row(number, *one) for number, one in enumerate(each)])


@given(rows=ROWS, budget=st.integers(0, 3000), seed=st.integers(0, 1000))
def test_draw_evenly_does_not_depend_on_order(rows: list[Row], budget: int, seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert draw_evenly(rows, budget) == draw_evenly(shuffled, budget)


@given(rows=ROWS, budget=st.integers(0, 3000), more=st.integers(0, 2000))
def test_draw_evenly_larger_budget_draws_a_superset(rows: list[Row], budget: int, more: int) -> None:
    drawn = draw_evenly(rows, budget)
    assert sum(each.tokens for each in drawn) <= budget
    assert {each.row_id for each in drawn} <= {each.row_id for each in draw_evenly(rows, budget + more)}
    assert len({each.row_id for each in drawn}) == len(drawn)


@given(rows=ROWS)
def test_draw_evenly_sufficient_or_no_budget_draws_all(rows: list[Row]) -> None:
    everything = sum(each.tokens for each in rows)
    assert set(draw_evenly(rows, everything)) == set(draw_evenly(rows, None)) == set(rows)


@given(rows=ROWS, budget=st.integers(0, 3000), seed=st.integers(0, 1000))
def test_draw_evenly_budget_of_rows_draws_the_same_rows_for_another_tokenizer(
    rows: list[Row], budget: int, seed: int
) -> None:
    drawn = draw_evenly(rows, budget)
    lengths = random.Random(seed)
    other = [replace(each, tokens=lengths.randint(10, 90)) for each in rows]
    again = draw_evenly(other, None, row_budget=len(drawn))
    assert [each.row_id for each in again] == [each.row_id for each in drawn]


def test_draw_evenly_balances_rare_and_common_kinds() -> None:
    common = [row(number, "single_call", ["tool0"]) for number in range(500)]
    rare = [row(1000 + number, "single_call", [TOOLS[1 + number % 5]]) for number in range(50)]
    talk = [row(2000 + number, "no_tool", []) for number in range(30)]
    drawn = draw_evenly(common + rare + talk, 50 * 48)
    tools = Counter(tool for each in drawn for tool in each.tools)
    categories = Counter(each.category for each in drawn)
    assert max(tools.values()) - min(tools[tool] for tool in TOOLS) <= 2
    assert categories["no_tool"] >= 15


def test_draw_evenly_keeps_rows_of_single_tools() -> None:
    alone = [row(number, "single_call", [TOOLS[number % 6]]) for number in range(120)]
    together = [row(1000 + number, "multi_step", list(TOOLS)) for number in range(500)]
    drawn = draw_evenly(alone + together, 50 * 40)
    by_tools = Counter(each.tools for each in drawn)
    assert min(by_tools[(tool,)] for tool in TOOLS) >= 2


def test_draw_days_in_any_order_give_the_same_ids(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, lesson())
    turned = dict(reversed(inputs.tensors.items()))
    first = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=300)
    second = draw_rows(selection=inputs.selection, tensors=turned, token_budget=300)
    assert first.train.ids.equals(second.train.ids)
    assert first.train.tokens == 280


def test_draw_weight_repeats_a_row_and_validation_never_repeats(tmp_path: Path) -> None:
    rows = [Made(name="a", weight=3), Made(name="b"), Made(name="v", side="validation", answer=4, prompt=4, weight=3)]
    inputs = write_inputs(tmp_path, rows)
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    assert drawn.train.ids["input_ids"].to_pylist().count(rows[0].ids) == 3
    assert drawn.train.tokens == 4 * 40
    assert drawn.validation.ids["labels"].to_pylist() == [rows[2].labels]


def test_draw_validation_costs_a_twentieth_of_training_at_most(tmp_path: Path) -> None:
    rows = [*lesson(), *(Made(name=f"w{number}", side="validation") for number in range(40))]
    inputs = write_inputs(tmp_path, rows)
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    assert 0 < drawn.validation.tokens <= drawn.train.tokens / 20


def test_draw_budget_below_the_first_row_is_an_error(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, lesson())
    with pytest.raises(TrainingDataError, match=r"20 training rows, none drawn; .*training\.token_budget"):
        draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=10)


def test_draw_selection_without_any_row_is_an_error(tmp_path: Path) -> None:
    selection = write_inputs(tmp_path / "all", lesson()).selection
    empty = write_inputs(tmp_path / "none", []).tensors
    with pytest.raises(
        TrainingDataError, match=r"none of the 20 training runs has a row .* chat\.long_rows: cut_front"
    ):
        draw_rows(selection=selection, tensors=empty, token_budget=None)


def test_draw_runs_without_a_row_are_counted(tmp_path: Path) -> None:
    selection = write_inputs(tmp_path / "all", lesson()).selection
    some = write_inputs(tmp_path / "some", lesson()[:5]).tensors
    assert draw_rows(selection=selection, tensors=some, token_budget=None).rowless == 15
