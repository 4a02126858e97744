from __future__ import annotations

from typing import Any

from toolft_pipeline.cli.output.result_table import result_table

RATE = {"value": 0.5, "low": 0.25, "high": 0.75}
NAMES = ("parse_rate", "right_tool", "valid_arguments", "hallucinated_tool", "exact_match", "fuzzy_match",
         "functional_match", "task_success")  # fmt: skip


def _model(**others: Any) -> dict[str, Any]:
    figures = dict.fromkeys(("n_tasks", "latency_ms_p50", "latency_ms_p95", "tokens_per_turn"), 1234.0)
    return dict.fromkeys(NAMES, RATE) | figures | others


def _table(*models: dict[str, Any], **verdict_says: Any) -> str:
    named = {f"m{number}": model for number, model in enumerate(models)}
    verdict = {"promote": False, "reasons": ["too thin"], **verdict_says}
    return result_table({"models": named, "catalog_tokens_saved_per_turn": 4400, "verdict": verdict})


def test_result_table_has_a_line_a_figure_and_a_column_a_model() -> None:
    lines = _table(_model(general_ability=RATE), _model(general_ability=None)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["", "", "m0", "m1", ""]
    ability = next(line for line in lines if "general ability" in line)
    assert [cell.strip() for cell in ability.split("|")][2:4] == ["50.0% (25.0%-75.0%)", "-"]
    assert lines[-1] == "verdict: refused: too thin"


def test_result_table_of_a_report_from_before_the_probes_leaves_their_line_out() -> None:
    assert "general ability" not in _table(_model())


def test_result_table_of_logged_runs_has_dashes_and_the_line_that_says_why() -> None:
    logged = _model(exact_match=None, tokens_per_turn=None, cost_per_1k_tasks=None, note="of its own traffic")
    report = {
        "models": {"candidate": _model(), "incumbent": logged},
        "catalog_tokens_saved_per_turn": 1,
        "verdict": None,
    }
    lines = result_table(report).splitlines()
    assert "incumbent (logs)" in lines[0]
    cells = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in lines if line.startswith("|")}
    assert (cells["exact match"], cells["tokens per turn"], cells["tasks"]) == ("-", "-", "1,234")
    assert "of its own traffic" in lines


def test_result_table_has_a_line_for_each_set_of_bfcl_that_was_asked() -> None:
    report = {
        "models": {"candidate": _model(), "base": _model()}, "catalog_tokens_saved_per_turn": 1, "verdict": None,
        "bfcl": {"candidate": {"parallel": {"n": 4, "right": RATE}}},
    }  # fmt: skip
    (line,) = (line for line in result_table(report).splitlines() if "BFCL" in line)
    assert [cell.strip() for cell in line.split("|")[1:4]] == ["BFCL parallel", "50.0% (25.0%-75.0%)", "-"]


def test_result_table_prints_the_smallest_difference_that_the_tasks_can_show() -> None:
    printed = _table(_model(), n_tasks=60, smallest_visible_difference=0.1, margin=0.02)
    said = "the smallest difference that one night shows (80 % power) is 10.0%; gate.margin 2.0%"
    assert printed.endswith(f"\n60 tasks: {said}")


def test_result_table_has_costs_where_some_model_has_a_price() -> None:
    assert "cost of 1,000 tasks" not in _table(_model(cost_per_1k_tasks=0.0))
    priced = _table(_model(cost_per_1k_tasks=0.0), _model(cost_per_1k_tasks=3.5)).splitlines()
    (line,) = [line for line in priced if "cost of 1,000 tasks" in line]
    assert [cell.strip() for cell in line.split("|")][2:4] == ["-", "3.50"]
