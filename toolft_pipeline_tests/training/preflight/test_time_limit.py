"""Training that would take too long stops before a weight is loaded, with figures and settings that would help."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from toolft_pipeline.training.preflight.time_limit import TakesTooLongError, check_time
from toolft_pipeline.training.rows.sampling import draw_rows
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs
from toolft_pipeline_tests.training.test_train_adapter import train

HOURS = 3600.0


def check(place: Path, seconds: float, *, max_hours: float | None, epochs: float = 1.0) -> None:
    inputs = write_inputs(place, lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    check_time(seconds=seconds, drawn=drawn, training=agent(place, max_hours=max_hours, epochs=epochs).training)


def test_time_limit_refusal_names_what_would_lower_it(tmp_path: Path) -> None:
    with pytest.raises(TakesTooLongError) as caught:
        check(tmp_path, 243 * HOURS, max_hours=6.0, epochs=3.0)
    line = str(caught.value)
    assert line.startswith("training would take about 10.1 days, training.max_hours allows 6.0 hours: ")
    assert "lower training.token_budget (now 800 tokens) or training.epochs" in line
    allowed = re.search(r"--set training\.max_hours=(\d+)", line)
    assert allowed
    assert int(allowed.group(1)) > 243
    check(tmp_path, 243 * HOURS, max_hours=float(allowed.group(1)))


def test_time_limit_refusal_says_how_many_tokens_would_fit(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, lesson())
    drawn = draw_rows(selection=inputs.selection, tensors=inputs.tensors, token_budget=None)
    many = replace(drawn, train=replace(drawn.train, rows=drawn.train.rows * 100))  # 80,000 tokens
    with pytest.raises(TakesTooLongError, match=r"training\.token_budget to about 40,000 \(now 80,000 tokens\),"):
        check_time(seconds=12 * HOURS, drawn=many, training=agent(tmp_path, max_hours=6.0, epochs=1.0).training)


@pytest.mark.parametrize(("hours", "limit"), [(5.9, 6.0), (1000.0, None)], ids=["below", "no_limit"])
def test_time_limit_lets_pass_what_it_allows(hours: float, limit: float | None, tmp_path: Path) -> None:
    check(tmp_path, hours * HOURS, max_hours=limit)


def test_train_that_takes_too_long_loads_and_writes_nothing(tmp_path: Path, tiny_model_folder: Path) -> None:
    with pytest.raises(TakesTooLongError, match=r"training\.max_hours allows"):
        train(tmp_path, tiny_model_folder, lesson(), max_hours=1e-9)
    assert not (tmp_path / "checkpoints").exists()
    assert not list((tmp_path / "out").iterdir())
