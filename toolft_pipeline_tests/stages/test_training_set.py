"""The checks of a training set on our own models' runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from msgspec import to_builtins

from toolft_pipeline.curation.own_runs import OwnRuns
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.tasks.task_leaks import TaskLeak, TaskLeaks, write_task_leaks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import CheckOutcome
from toolft_pipeline.stages.training_set import STAGE
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.agents import agent

DAY = "2026-10-05"


def outcome(folder: Path, check: str, own: OwnRuns, settings: AgentSettings) -> CheckOutcome:
    warehouse = Warehouse(folder / "warehouse")
    recipe = Recipe(
        address=ArtifactKey(agent="tester", asset="training_set", partition=DAY),
        fingerprint="0" * 64,
        code_version="6",
        settings={},
        inputs={},
    )
    with warehouse.staging(recipe.address) as out:
        (out / "selection.parquet").write_bytes(b"x")
        made = BuildOutput(content=("selection.parquet",), rows={}, headline={"own_runs": to_builtins(own)})
        version = warehouse.commit(out, recipe, made, run_id=None, started=0.0)
    return next(each for each in STAGE.checks if each.name == check).evaluate(version, settings)


def own_runs(*, trained: int = 10, others: int = 90, own_plans: float | None = 0.4, logged: float = 0.5) -> OwnRuns:
    return OwnRuns(
        runs=trained,
        left_out=0,
        trained=trained,
        trained_share=trained / (trained + others),
        compared=30,
        own_plans_per_run=own_plans,
        logged_plans_per_run=logged,
    )


@pytest.mark.parametrize(("trained", "passes"), [(0, True), (50, True), (51, False), (100, False)])
def test_own_runs_have_a_largest_share(tmp_path: Path, trained: int, passes: bool) -> None:
    found = outcome(tmp_path, "few_own_runs", own_runs(trained=trained, others=100 - trained), agent(tmp_path))
    assert found.passed is passes
    assert passes or "curation.own_run_weight" in (found.description or "")


def test_the_fix_names_the_weight_that_fits(tmp_path: Path) -> None:
    settings = agent(tmp_path, serving={"monitor": {"max_own_share": 0.25}})
    found = outcome(tmp_path, "few_own_runs", own_runs(trained=60, others=60), settings)
    assert "own_run_weight to about 0.33 of its value" in (found.description or "")  # 20 own runs beside 60 others


@pytest.mark.parametrize(
    ("own_plans", "logged", "passes"), [(0.25, 0.5, True), (0.24, 0.5, False), (0.9, 0.5, True), (None, 0.5, True)]
)
def test_own_plans_must_vary_as_logged_ones(
    tmp_path: Path, own_plans: float | None, logged: float, passes: bool
) -> None:
    found = outcome(tmp_path, "own_plans_vary", own_runs(own_plans=own_plans, logged=logged), agent(tmp_path))
    assert found.passed is passes


def leaks_of(folder: Path, *leaks: TaskLeak) -> CheckOutcome:
    found = TaskLeaks(tasks=3, keys=3, runs=9, leaks=leaks, nearest=(), untrained=("ship",))
    folder.mkdir(parents=True, exist_ok=True)
    write_task_leaks(found, folder)
    check = next(each for each in STAGE.checks if each.name == "no_task_leaks")
    assert check.blocking
    return check.evaluate(cast("Version", SimpleNamespace(folder=folder)), agent(folder))


def test_a_split_key_in_a_training_run_stops_the_model(tmp_path: Path) -> None:
    leak = TaskLeak(task_id="t-1", level=Level.NEW_TOOL, split_key="ship", trajectory_id="run-7", day=DAY, runs=4)
    found = leaks_of(tmp_path, leak)
    assert not found.passed
    assert "task t-1: new_tool 'ship' is in 4 runs, the first run-7 of 2026-10-05" in (found.description or "")
    assert found.detail["leaks"] == [to_builtins(leak)]


def test_without_leaks_the_model_goes_on_and_untrained_tools_are_named(tmp_path: Path) -> None:
    found = leaks_of(tmp_path)
    assert found.passed
    assert "no run calls ship" in (found.description or "")
