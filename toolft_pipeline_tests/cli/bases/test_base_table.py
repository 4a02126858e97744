"""The table of a comparison: paired with the first base that has a result; one that failed says why in its row."""

from __future__ import annotations

from dataclasses import replace

from toolft_pipeline.cli.bases.base_choice import BaseChoice
from toolft_pipeline.cli.bases.base_result import BaseResult
from toolft_pipeline.cli.bases.base_table import base_table
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson

TASKS = [f"t{n}" for n in range(20)]


def result(name: str, *, passed: int) -> BaseResult:
    return BaseResult(
        base=BaseChoice(name=name, source=("package", name), chat_format="chatml"),
        task_scores={task: float(number < passed) for number, task in enumerate(TASKS)},
        task_success=wilson(passed, 20),
        rates={
            "right_tool": Rate(value=0.9, low=0.8, high=0.95),
            "valid_arguments": Rate(value=0.8, low=0.7, high=0.9),
            "exact_match": Rate(value=0.7, low=0.6, high=0.8),
        },
        rows=frozenset({"r1", "r2"}),
        parameters=135_000_000,
        weights_gb=0.27,
        tokens=4_200,
        tokens_per_s=210.4,
        training_minutes=3.25,
        evaluation_minutes=1.5,
        peak_memory_gb=2.96,
        tokens_per_task=512.0,
    )


def cells(table: str, name: str) -> dict[str, str]:
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    assert {len(row) for row in rows} == {len(head)}
    return dict(zip(head, next(row for row in rows if row[0] == name), strict=True))


def test_row_has_quality_speed_memory_and_size() -> None:
    row = cells(base_table([result("a", passed=15)]), "a")
    assert row["task success"] == "75.0% (53.1%-88.8%)"
    assert row["exact match"] == "70.0% (60.0%-80.0%)"
    assert (row["parameters"], row["rows"], row["tokens"], row["tokens/s"]) == ("135 M", "2", "4,200", "210")
    assert (row["training, min"], row["peak memory, GB"], row["weights, GB"]) == ("3.2", "3.0", "0.27")
    assert row["tokens a task"] == "512"
    assert row["difference to a"] == row["p"] == "-"


def test_difference_is_paired_by_task_with_its_p_value() -> None:
    table = base_table([result("a", passed=15), result("b", passed=5)])
    row = cells(table, "b")
    assert row["difference to a"].startswith("-50.0 (-7")
    assert row["p"] == "0.002", "ten tasks lost and none won"
    assert "20 tasks; differences are paired by task" in table
    assert cells(base_table([result("a", passed=15), result("b", passed=15)]), "b")["p"] == "1.000"


def test_failed_base_says_why_and_the_others_are_compared_with_the_first_that_ran() -> None:
    failed = BaseResult(
        base=BaseChoice(name="x", source=("package", "x"), chat_format="qwen3"),
        failure="base_model: its tokenizer has no token <|im_start|>; set chat.format | to gemma3",
    )
    table = base_table([failed, result("a", passed=15), result("b", passed=5)])
    assert cells(table, "x")["task success"].startswith("failed: base_model: its tokenizer has no token <")
    assert cells(table, "b")["difference to a"].startswith("-50.0")
    assert base_table([failed]).count("\n") == 2


def test_price_of_a_machine_hour_gives_costs_and_other_rows_are_named() -> None:
    other = replace(result("b", passed=5), rows=frozenset({"r1", "r3"}), cost_per_1k_tasks=1.5)
    table = base_table([result("a", passed=15), other])
    assert cells(table, "b")["cost of 1,000 tasks"] == "1.50"
    assert "b was trained on other rows than a: 1 more and 1 fewer" in table
