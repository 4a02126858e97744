"""The chosen step and the early stop follow from the measured figures, whatever the run did after them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.training.choice.best_step import best_step, stop_step, until_stop

FIGURES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=8)


def history(*figures: tuple[float, float], loss_only: bool = False) -> list[dict[str, Any]]:
    """A training loss and an evaluation (exact match, validation loss) every ten steps."""
    made: list[dict[str, Any]] = []
    for number, (exact, loss) in enumerate(figures, start=1):
        made.append({"step": 10 * number, "loss": 1.0})
        made.append({"step": 10 * number, "eval_loss": loss, **({} if loss_only else {"eval_exact_match": exact})})
    return made


@pytest.mark.parametrize(
    ("choose_by", "chosen"),
    [("validation_loss", 10), ("exact_match", 20)],
)
def test_step_is_chosen_by_the_setting(choose_by: Any, chosen: int) -> None:
    assert best_step(history((0.2, 1.0), (0.5, 1.2), (0.5, 1.3)), choose_by=choose_by) == chosen


def test_equal_exact_matches_are_told_apart_by_loss_then_by_the_first() -> None:
    assert best_step(history((0.5, 1.3), (0.5, 1.1), (0.4, 0.9)), choose_by="exact_match") == 20
    assert best_step(history((0.5, 1.1), (0.5, 1.1)), choose_by="exact_match") == 10


def test_nothing_measured_chooses_nothing() -> None:
    assert best_step([{"step": 1, "loss": 2.0}]) is None
    assert best_step(history((0.5, 1.0), loss_only=True), choose_by="exact_match") is None


@pytest.mark.parametrize(("patience", "stop"), [(1, 30), (2, 40), (3, None), (None, None)])
def test_run_stops_after_so_many_evaluations_without_a_better_one(patience: int | None, stop: int | None) -> None:
    figures = history((0, 3.0), (0, 2.0), (0, 2.0), (0, 2.5), (0, 1.0))
    assert stop_step(figures, choose_by="validation_loss", patience=patience) == stop


def test_better_evaluation_begins_the_count_again() -> None:
    figures = history((0, 3.0), (0, 4.0), (0, 2.0), (0, 2.5), (0, 2.4))
    assert stop_step(figures, choose_by="validation_loss", patience=2) == 50
    assert stop_step(figures[:-2], choose_by="validation_loss", patience=2) is None


@given(FIGURES, FIGURES, st.integers(1, 3), st.sampled_from(["validation_loss", "exact_match"]))
def test_what_a_resumed_run_did_after_the_stop_changes_no_choice(
    figures: list[tuple[int, int]], more: list[tuple[int, int]], patience: int, choose_by: Any
) -> None:
    whole, resumed = history(*figures), history(*figures, *more)
    stop = stop_step(whole, choose_by=choose_by, patience=patience)
    if stop is None:
        return
    cut = until_stop(resumed, choose_by=choose_by, patience=patience)
    assert cut == until_stop(whole, choose_by=choose_by, patience=patience)
    assert max(entry["step"] for entry in cut) == stop
    assert best_step(cut, choose_by=choose_by) < stop
