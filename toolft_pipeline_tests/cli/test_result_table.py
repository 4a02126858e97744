from __future__ import annotations

from typing import Any

from toolft_pipeline.cli.result_table import result_table

RATE = {"value": 0.5, "low": 0.25, "high": 0.75}
NAMES = ("parse_rate", "right_tool", "valid_arguments", "hallucinated_tool", "exact_match", "fuzzy_match",
         "functional_match", "task_success")  # fmt: skip


def _model(**others: Any) -> dict[str, Any]:
    figures = dict.fromkeys(("n_tasks", "latency_ms_p50", "latency_ms_p95", "tokens_per_turn"), 1234.0)
    return dict.fromkeys(NAMES, RATE) | figures | others


def _table(*models: dict[str, Any]) -> str:
    named = {f"m{number}": model for number, model in enumerate(models)}
    verdict = {"promote": False, "reasons": ["too thin"]}
    return result_table({"models": named, "catalog_tokens_saved_per_turn": 4400, "verdict": verdict})


def test_result_table_has_a_line_a_figure_and_a_column_a_model() -> None:
    lines = _table(_model(general_ability=RATE), _model(general_ability=None)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["", "", "m0", "m1", ""]
    ability = next(line for line in lines if "general ability" in line)
    assert [cell.strip() for cell in ability.split("|")][2:4] == ["50.0% (25.0%-75.0%)", "-"]
    assert lines[-1] == "verdict: refused: too thin"


def test_result_table_of_a_report_from_before_the_probes_leaves_their_line_out() -> None:
    assert "general ability" not in _table(_model())
