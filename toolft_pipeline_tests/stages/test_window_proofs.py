"""What counts as proven over a window: every proof, on every row of every day, and on one row at least."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from toolft_pipeline.orchestration.build import check_results
from toolft_pipeline.stages import qlora_adapter, token_tensors
from toolft_pipeline.stages.eval_report import proven
from toolft_pipeline.stages.spec.stage import BuildContext, StageError
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

DAYS = ("2026-10-01", "2026-10-02", "2026-10-03")
PROOFS = ("loss_mask", "serving_prompt", "parser", "control_tokens")
MERGED = {"merged_logits": {"passed": True}, "reload_same_tokens": {"passed": True}}


def results(rows: int, *, without: Sequence[str] = (), **changes: Mapping[str, Any]) -> str:
    """A day's proofs.json, all of them run on so many rows; `changes` are fields of single proofs."""
    green = {"rows_checked": rows, "n_failures": 0, "failures": []}
    return json.dumps({"results": {name: {**green, **changes.get(name, {})} for name in PROOFS if name not in without}})


def tensors(warehouse: Warehouse, day: str, *, rows: int, proofs: str) -> Version:
    return commit(warehouse, "token_tensors", day, f"rows of {day}", files={"proofs.json": proofs}, rows={"rows": rows})


def context(tmp_path: Path, days: Mapping[str, tuple[int, str]], *, merged: Mapping[str, Any] = MERGED) -> BuildContext:
    """A build of a report whose window has these days: rows to train on, and proofs.json."""
    warehouse = Warehouse(tmp_path / "warehouse")
    model = commit(warehouse, "merged_model", DAYS[-1], "model", files={"checks.json": json.dumps(merged)})
    of_days = {day: tensors(warehouse, day, rows=rows, proofs=proofs) for day, (rows, proofs) in days.items()}
    return BuildContext(
        settings=agent(tmp_path, name=AGENT), partition=DAYS[-1], out=tmp_path, scratch=tmp_path, warehouse=warehouse,
        inputs={"token_tensors": of_days, "merged_model": {DAYS[-1]: model}}, progress=print, run_id=None,
    )  # fmt: skip


def unproven(window: BuildContext) -> list[str]:
    return [name for name, holds in proven(window).items() if not holds]


def test_rows_of_every_day_are_proven(tmp_path: Path) -> None:
    window = context(tmp_path, {day: (3, results(3)) for day in DAYS})
    assert proven(window) == dict.fromkeys([*PROOFS, *MERGED], True)


def test_window_without_any_row_proves_nothing(tmp_path: Path) -> None:
    window = context(tmp_path, {day: (0, results(0)) for day in DAYS})
    assert unproven(window) == list(PROOFS)


@pytest.mark.parametrize("empty", DAYS)
def test_day_without_rows_does_not_hold_up_the_window(tmp_path: Path, empty: str) -> None:
    days = {day: (0, results(0)) if day == empty else (3, results(3)) for day in DAYS}
    assert unproven(context(tmp_path, days)) == []


@pytest.mark.parametrize("broken", DAYS)
@pytest.mark.parametrize(
    "proofs",
    [
        results(3, parser={"n_failures": 1}),
        results(3, parser={"rows_checked": 0}),
        results(3, parser={"rows_checked": 2}),
        results(3, without=["parser"]),
    ],
    ids=["failed", "over no rows", "over fewer rows", "not run"],
)
def test_proof_that_one_day_lacks_is_not_proven(tmp_path: Path, broken: str, proofs: str) -> None:
    days = {day: (3, proofs if day == broken else results(3)) for day in DAYS}
    assert unproven(context(tmp_path, days)) == ["parser"]


@pytest.mark.parametrize("name", MERGED)
def test_merge_without_a_check_is_not_proven(tmp_path: Path, name: str) -> None:
    others = {other: check for other, check in MERGED.items() if other != name}
    days = {DAYS[0]: (3, results(3))}
    assert unproven(context(tmp_path, days, merged=others)) == [name]
    assert unproven(context(tmp_path, days, merged=others | {name: {"passed": False}})) == [name]


def shown(tmp_path: Path, *, rows: int, proofs: str) -> dict[str, dg.AssetCheckResult]:
    """The results of the blocking checks of token_tensors, as Dagster gets them."""
    version = tensors(Warehouse(tmp_path), DAYS[0], rows=rows, proofs=proofs)
    blocking = tuple(check for check in token_tensors.STAGE.checks if check.blocking)
    stage = replace(token_tensors.STAGE, checks=blocking)
    found = {str(each.check_name): each for each in check_results(stage, version, agent(tmp_path, name=AGENT))}
    assert found.keys() == set(PROOFS)
    return found


def test_day_without_rows_is_not_green_and_stops_nothing(tmp_path: Path) -> None:
    for check in shown(tmp_path, rows=0, proofs=results(0)).values():
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert "no rows" in str(check.description)


def test_rows_that_a_proof_did_not_see_stop_the_day(tmp_path: Path) -> None:
    checks = shown(tmp_path, rows=3, proofs=results(3, parser={"rows_checked": 2}))
    assert [name for name, check in checks.items() if not check.passed] == ["parser"]
    assert checks["parser"].severity == dg.AssetCheckSeverity.ERROR


def test_training_refuses_rows_that_were_not_proven(tmp_path: Path) -> None:
    window = context(tmp_path, {DAYS[0]: (3, results(3)), DAYS[1]: (3, results(3, parser={"rows_checked": 2}))})
    with pytest.raises(StageError, match=rf"token_tensors/{DAYS[1]}: proof parser .*2 of 3 rows"):
        qlora_adapter.STAGE.build(window)
