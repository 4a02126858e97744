"""The table of training speed: its rows, its switches, its arithmetic, and the command on a tiny model."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trl.trainer.utils as fused

from benchmarks import training_cases
from benchmarks.training import CASES, compared, held_out, spread, table, write_tiny
from benchmarks.training_cases import TRL, measure
from benchmarks.training_rows import RowLength, loss_tokens, made_rows, row_lengths
from benchmarks.training_switches import PACKED, SWITCHES, Patch, Rows
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.made_rows import Made, write_inputs

VOCABULARY = 512


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("training"), vocabulary=VOCABULARY)


def some_rows() -> Rows:
    return made_rows(spread(row_lengths(), 10), vocabulary=VOCABULARY)


def test_committed_lengths_are_numbers_of_real_rows() -> None:
    lengths = row_lengths()
    assert len(lengths) == 1000
    assert all(0 < each.loss_tokens < each.tokens for each in lengths)
    assert statistics.mean(each.tokens for each in lengths) == pytest.approx(230, rel=0.05)


def test_made_rows_have_the_lengths_asked_for() -> None:
    lengths = [*row_lengths()[:50], RowLength(5, 4), RowLength(30, 29), RowLength(30, 1)]
    rows = made_rows(lengths, vocabulary=VOCABULARY)
    assert [RowLength(len(row["input_ids"]), loss_tokens([row])) for row in rows] == lengths
    assert made_rows(lengths, vocabulary=VOCABULARY) == rows
    assert all(0 <= each < VOCABULARY for row in rows for each in row["input_ids"])


@pytest.mark.parametrize("count", [16, 40, 300])
def test_spread_keeps_the_mean_for_every_number_of_rows(count: int) -> None:
    of_all = statistics.mean(each.tokens for each in row_lengths())
    assert statistics.mean(each.tokens for each in spread(row_lengths(), count)) == pytest.approx(of_all, rel=0.08)


@pytest.mark.parametrize("name", ["ours", *TRL, *SWITCHES])
def test_case_trains_with_its_part_turned_off(
    name: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: dict[str, int] = {}

    def counted(patch: Patch) -> Patch:
        if not callable(patch.instead):
            return patch
        called[patch.attribute] = 0

        def count(*args: Any, **kwargs: Any) -> Any:
            called[patch.attribute] += 1
            return patch.instead(*args, **kwargs)

        return patch._replace(instead=count)

    if name in SWITCHES:
        switch = SWITCHES[name]
        counting = replace(switch, patches=lambda rows: [counted(patch) for patch in switch.patches(rows)])
        monkeypatch.setitem(training_cases.SWITCHES, name, counting)
    shipped = fused._use_triton, fused._ChunkedLogProbFunction
    found = measure(tiny, name, rows=some_rows(), place=tmp_path)
    assert (fused._use_triton, fused._ChunkedLogProbFunction) == shipped, "the next case in this process has TRL's own"
    assert found["loss_tokens_per_s"] > 0
    assert (found["fill"] == 1) == (name in {"trl_packed", "filled_packs"}), "the others fill batches up"
    assert all(called.values()), f"replaced and not used: {called}"


def test_loss_on_held_out_rows_is_the_same_with_each_part_turned_off(tiny: Path, tmp_path: Path) -> None:
    """They change the speed of a step, not what it learns. Without packing a step has other rows."""
    train, validation = some_rows()[:5], some_rows()[5:]
    same = [name for name in SWITCHES if name != "packing"]
    found = {
        name: measure(tiny, name, rows=train, validation=validation, place=tmp_path / name)["validation_loss"]
        for name in ["ours", *same]
    }
    assert found == {name: pytest.approx(found["ours"], rel=2e-4) for name in found}


def test_held_out_rows_are_no_training_rows_and_none_is_cut(tmp_path: Path) -> None:
    rows = [Made(name=f"r{number}", answer=10 + number) for number in range(20)]
    inputs = write_inputs(tmp_path, [*rows, Made(name="long", answer=PACKED)])
    train, validation = held_out(list(inputs.tensors.values()), 15, vocabulary=VOCABULARY)
    assert (len(train), len(validation)) == (12, 3)
    assert not [row for row in validation if row in train]
    assert max(len(row["input_ids"]) for row in [*train, *validation]) <= PACKED
    made, _ = held_out(None, 40, vocabulary=VOCABULARY)
    assert max(len(row["input_ids"]) for row in made) <= PACKED


def test_table_has_medians_ranges_and_ratios_within_rounds() -> None:
    def figures(rate: float, kept: float = 100.0) -> dict[str, float]:
        rates = {"loss_tokens_per_s": rate, "tokens_per_s": 3 * rate, "fill": 0.5, "cpu_ms_per_loss_token": 8.0}
        return {**rates, "loss_tokens": kept, "peak_gb": 2.0}

    rounds = [
        {"packing": figures(p), "ours": figures(o), "trl_packed": figures(5, 80)}
        for o, p in [(10, 5), (30, 10), (20, 20)]
    ]
    lines = table(rounds)
    assert (
        lines[2] == "| ours | 20.0 (10.0 to 30.0) | 60.0 (30.0 to 90.0) |  | 50% | 100% | 8.00 (8.00 to 8.00) | 2.00 |"
    )
    assert lines[3].startswith(
        "| trl_packed | 5.0 (5.0 to 5.0) | 15.0 (15.0 to 15.0) | 4.00 (2.00 to 6.00) | 50% | 80% |"
    )
    assert lines[4].startswith(
        "| ours without packing | 10.0 (5.0 to 20.0) | 30.0 (15.0 to 60.0) | 2.00 (1.00 to 3.00) |"
    )
    assert lines[-1].startswith("- packing: off is ")


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([1.00, 1.10, 0.90], [1.01, 1.12, 0.93], "equal within noise"),
        ([1.00, 1.01, 0.99], [1.10, 1.11, 1.09], "ours is lower"),
        ([1.10, 1.11, 1.09], [1.00, 1.01, 0.99], "ours is higher"),
        ([1.0], [1.0], "2 to 10 seeds tell the noise"),
    ],
)
def test_difference_is_held_against_the_noise_of_the_seeds(
    ours: list[float], theirs: list[float], verdict: str
) -> None:
    assert compared(ours, theirs).endswith(verdict)


def run(*arguments: str) -> tuple[list[str], dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", *arguments, "--quick", "--json"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    return said, json.loads(last)


@pytest.mark.slow
def test_training_benchmark_quick_compares_speed_and_loss() -> None:
    said, found = run("--only", "trl_packed")
    assert said[0].startswith("a tiny random model, 16 rows")
    assert found["figures"]["ours_to_trl_packed"] > 0
    assert found["against"] == {"ours_to_trl_default": 2.0, "ours_to_trl_packed": 1.0}
    said, found = run("--validation", "0", "1")
    assert [line.split(":")[0] for line in said[1:]] == ["seed 0", "seed 1", "ours - trl_packed"]
    ours, theirs = (found["figures"][f"{name}_validation_loss"] for name in ("ours", "trl_packed"))
    assert ours == pytest.approx(theirs, rel=0.01)


def test_unknown_case_is_an_error_that_names_the_cases() -> None:
    with pytest.raises(AssertionError, match="no case nothing; there are ours, trl_default"):
        run("--only", "nothing")
    assert CASES[0] == "ours"
