"""What the UI is told of a report: numbers for every model and slice, and nothing where nothing is known."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.assets.report_metadata import report_headline, report_plots, report_texts
from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.gate import Verdict
from toolft_pipeline.evaluation.intervals import wilson
from toolft_pipeline.evaluation.logged_model import LoggedMetrics
from toolft_pipeline.evaluation.metrics import ModelMetrics, encode_metrics
from toolft_pipeline.evaluation.report import CombinedMetrics
from toolft_pipeline.evaluation.slices import SLICES_FILE, write_slices
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.models import commit
from toolft_pipeline_tests.evaluation.test_logged_model import column
from toolft_pipeline_tests.evaluation.test_slices import sliced

VERDICT = Verdict(promote=False, reasons=("too thin",), n_tasks=9, smallest_visible_difference=0.66667)
HEADLINE: dict[str, Json] = {"promote": False, "reasons": ["too thin"]}
BFCL = {"base": {"parallel": SetRate(n=4, right=wilson(1, 4))}}
MODELS = {"candidate": sliced(), "base": figures(3)}


def version(tmp_path: Path, models: dict[str, ModelMetrics | LoggedMetrics]) -> Version:
    """A report's version with its figures and slices."""
    combined = CombinedMetrics(models=models, catalog_tokens_saved_per_turn=0, proofs={}, verdict=None)
    files = {"metrics.json": encode_metrics(combined).decode()}
    made = commit(Warehouse(tmp_path), "eval_report", "2026-10-02", "report", files=files, headline=HEADLINE)
    made.folder.chmod(0o755)
    write_slices({name: each for name, each in models.items() if isinstance(each, ModelMetrics)}, made.folder)
    return made


def test_headline_has_a_number_for_each_category_and_turn_of_the_candidate() -> None:
    said = report_headline(MODELS, logged=None, bfcl=BFCL, verdict=VERDICT)
    assert said["candidate/category_multi_step/task_success"] == 0.5
    assert said["candidate/turn_11/right_tool"] == 0.25
    assert [name for name in said if "/turn_" in name and not name.startswith("candidate/")] == []
    assert said["base/bfcl_parallel"] == 0.25
    assert (said["promote"], said["base/task_success"], said["tasks"]) == (False, 0.03, 9)


def test_headline_incumbent_has_what_logs_say_and_no_other_key() -> None:
    said = report_headline(MODELS, logged=column(), bfcl=BFCL, verdict=VERDICT)
    assert {name.split("/")[1] for name in said if name.startswith("incumbent/")} == {
        "task_success", "parse_rate", "valid_arguments", "hallucinated_tool", "latency_ms_p50", "latency_ms_p95",
        "cost_per_1k_tasks",
    }  # fmt: skip


def test_plots_and_table_hold_every_turn_and_survive_a_column_without_any(tmp_path: Path) -> None:
    made = version(tmp_path, {**MODELS, "incumbent": column()})
    assert set(report_plots(made)) == {"task_success", "right_tool_by_turn"}
    texts = report_texts(made)
    assert texts["verdict"] == "**refused**\n- too thin"
    assert texts["models"].splitlines()[0] == "| | candidate | base | incumbent |"
    table = texts["slices"].splitlines()
    assert "| candidate | turn | 11 | 4 | 25.0% |  |  |  |" in table
    assert (made.folder / SLICES_FILE).is_file()
