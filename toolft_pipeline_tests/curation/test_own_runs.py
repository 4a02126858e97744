from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolft_pipeline.curation.own_runs import expected_distinct
from toolft_pipeline.trajectories.record import Origin, Trajectory
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user
from toolft_pipeline_tests.curation.test_selection import cancel, select

DAY = "2026-10-01"


def order(number: int, tools: tuple[str, ...], *, id_: str, origin: Origin) -> Trajectory:
    """A run with a request of its own that calls some tools one after the other."""
    steps = [
        message
        for place, name in enumerate(tools)
        for message in (
            calls((f"c{place}", name, {"order_id": number})),
            result(f"c{place}", name, f'{{"n":{number}}}'),
        )
    ]
    asked = f"Order {number}: {' and then '.join(tools)} for customer {number * 7919}, who waits since day {number}."
    return trajectory(user(asked), *steps, says(f"Done {number}."), id_=id_, task_key=f"task|{number}", origin=origin)


def own_only_the_same_plan(count: int) -> list[Trajectory]:
    return [order(number, ("add",), id_=f"own{number}", origin=Origin.SERVED) for number in range(count)]


def logged_with_many_plans(count: int) -> list[Trajectory]:
    names = ("add", "cancel_order", "unused")
    plans = [tuple(names[int(digit)] for digit in np.base_repr(number + 3, 3)) for number in range(count)]
    return [order(1000 + number, plan, id_=f"log{number}", origin=Origin.LOGGED) for number, plan in enumerate(plans)]


def sides(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["trajectory_id"]: row["side"] for row in rows}


@pytest.mark.parametrize(("weight", "least", "most"), [(1.0, 60, 60), (0.5, 20, 40), (0.0, 0, 0)])
def test_own_runs_are_taken_by_their_share(tmp_path: Path, weight: float, least: int, most: int) -> None:
    runs = [*own_only_the_same_plan(60), *logged_with_many_plans(30)]
    summary, rows = select(tmp_path, {DAY: runs}, own_run_weight=weight, validation_share=0.0)
    used = [name for name, side in sides(rows).items() if name.startswith("own") and side == "train"]
    assert least <= len(used) <= most
    assert summary.own.runs == 60
    assert summary.own.left_out == 60 - len(used)
    assert all(side == "train" for name, side in sides(rows).items() if name.startswith("log"))
    assert summary.capped == 0
    assert {row["reason"] for row in rows if row["side"] == "out"} <= {
        f"own run: left out by curation.own_run_weight {weight:g}"
    }


def test_a_larger_weight_keeps_what_a_smaller_one_kept(tmp_path: Path) -> None:
    kept: list[set[str]] = []
    for number, weight in enumerate((0.2, 0.6, 1.0)):
        _, rows = select(tmp_path / str(number), {DAY: own_only_the_same_plan(40)}, own_run_weight=weight)
        kept.append({name for name, side in sides(rows).items() if side != "out"})
    assert kept[0] < kept[1] < kept[2]


def test_of_near_duplicates_the_logged_run_stays(tmp_path: Path) -> None:
    other = "please CANCEL order {} for me; it came too late!"
    days = {
        "2026-10-01": [cancel(1, id_="own", origin=Origin.SERVED), cancel(2, id_="mixed", origin=Origin.MIXED)],
        "2026-10-02": [cancel(1, id_="logged", wording=other), cancel(2, id_="later", wording=other)],
    }
    _, rows = select(tmp_path, days)
    assert {row["trajectory_id"]: row["duplicate_of"] for row in rows if row["duplicate_of"]} == {
        "own": "logged",
        "later": "mixed",
    }


def test_an_own_run_that_is_left_out_displaces_nothing(tmp_path: Path) -> None:
    days = {
        DAY: [cancel(1, id_="own", origin=Origin.SERVED)],
        "2026-10-02": [cancel(1, id_="own2", origin=Origin.MIXED)],
    }
    _, rows = select(tmp_path, days, own_run_weight=0.0, validation_share=0.0)
    assert sides(rows) == {"own": "out", "own2": "train"}


def test_plans_are_compared_over_equally_many_runs(tmp_path: Path) -> None:
    runs = [*own_only_the_same_plan(60), *logged_with_many_plans(30)]
    summary, _ = select(tmp_path, {DAY: runs}, validation_share=0.0)
    own = summary.own
    assert own.compared == 30
    assert own.own_plans_per_run == pytest.approx(1 / 30)
    assert own.logged_plans_per_run == pytest.approx(1.0)
    assert own.trained_share == pytest.approx(60 / 90)


def test_few_runs_are_not_compared(tmp_path: Path) -> None:
    summary, _ = select(tmp_path, {DAY: [*own_only_the_same_plan(19), *logged_with_many_plans(30)]})
    assert (summary.own.compared, summary.own.own_plans_per_run, summary.own.logged_plans_per_run) == (19, None, None)


@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (5, 1), (3, 3, 2), (40, 7, 2, 1)])
def test_expected_distinct_equals_exact_arithmetic(counts: tuple[int, ...]) -> None:
    values = np.repeat(np.arange(len(counts), dtype=np.uint64) + np.uint64(9), counts)
    total = sum(counts)
    for n in (1, 2, total // 2, total):
        exact = sum(1 - Fraction(math.comb(total - count, n), math.comb(total, n)) for count in counts)
        assert expected_distinct(values, n) == pytest.approx(float(exact), rel=1e-9)
