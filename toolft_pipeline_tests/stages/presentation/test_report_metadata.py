"""What the UI shows of a report: numbers for every model and slice, and nothing where nothing is known."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.report.logged_model import LoggedMetrics
from toolft_pipeline.evaluation.report.report import CombinedMetrics
from toolft_pipeline.evaluation.report.slices import SLICES_FILE, write_slices
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metric import encode_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.stages.presentation.report_metadata import headline_metrics, report_plots, report_texts
from toolft_pipeline.stages.presentation.text_charts import INLINE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.model_versions import commit
from toolft_pipeline_tests.evaluation.report.test_logged_model import column
from toolft_pipeline_tests.evaluation.report.test_slices import sliced

VERDICT = GateVerdict(promote=False, reasons=("too thin",), n_tasks=9, smallest_visible_difference=0.66667)
HEADLINE: dict[str, Json] = {"promote": False, "reasons": ["too thin"]}
BFCL = {"base": {"parallel": SetRate(n=4, right=wilson(1, 4))}}
MODELS = {"candidate": sliced(), "base": figures(3)}


def version(
    tmp_path: Path, models: dict[str, ModelMetrics | LoggedMetrics], *, headline: dict[str, Json] = HEADLINE
) -> Version:
    """A report's version with its figures and slices."""
    combined = CombinedMetrics(models=models, catalog_tokens_saved_per_turn=0, proofs={}, verdict=None, bfcl=BFCL)
    files = {"metrics.json": encode_metrics(combined).decode()}
    made = commit(Warehouse(tmp_path), "eval_report", "2026-10-02", "report", files=files, headline=headline)
    made.folder.chmod(0o755)
    write_slices({name: each for name, each in models.items() if isinstance(each, ModelMetrics)}, made.folder)
    return made


def test_headline_numbers_are_the_few_that_are_plotted_over_time() -> None:
    headline = headline_metrics(MODELS, verdict=VERDICT)
    assert {name for name, value in headline.items() if isinstance(value, float)} >= {
        "task_success", "right_tool", "valid_arguments", "parse_rate", "tokens_per_turn", "smallest_visible_difference",
    }  # fmt: skip
    assert len(headline) <= 12
    assert all(len(name) < 32 and "/" not in name for name in headline)
    assert (headline["promote"], headline["tasks"]) == (False, 9)


def test_headline_without_rollouts_has_no_task_success() -> None:
    assert "task_success" not in headline_metrics({"candidate": figures(0, n=0)}, verdict=VERDICT)


def test_plots_and_table_hold_every_turn_and_survive_a_column_without_any(tmp_path: Path) -> None:
    made = version(tmp_path, {**MODELS, "incumbent": column()})
    assert set(report_plots(made, agent(tmp_path))) == {"task_success", "right_tool_by_turn"}
    texts = report_texts(made)
    assert texts["verdict"] == "**refused**\n- too thin"
    assert texts["models"].splitlines()[0] == "||candidate|base|incumbent|"
    assert "|BFCL parallel||25.0%||" in texts["models"]
    assert any(line.startswith("|tokens per turn|") for line in texts["models"].splitlines())
    table = texts["slices"].splitlines()
    assert any(line.startswith("| candidate | turn | 11 | 4 |  | 25.0% (4.6%-69.9%) |  |  |") for line in table)
    assert (made.folder / SLICES_FILE).is_file()


def test_table_of_many_models_is_short_enough_to_be_shown_and_counts_the_rest(tmp_path: Path) -> None:
    many = {f"endpoint-with-a-long-name-{number:02}": figures(3) for number in range(20)}
    table = report_texts(version(tmp_path, {"candidate": sliced(), **many}))["models"]
    assert len(table) < INLINE
    shown = len(table.splitlines()[0].split("|")) - 3
    assert table.startswith(f"|{21 - shown} more on the page|candidate|")


def test_verdict_of_many_reasons_is_short_enough_to_be_shown_and_counts_the_rest(tmp_path: Path) -> None:
    reasons: Json = [f"reason number {number} of a refusal that has many" for number in range(40)]
    text = report_texts(version(tmp_path, MODELS, headline={"promote": False, "reasons": reasons}))["verdict"]
    assert len(text) < INLINE
    assert text.splitlines()[-1] == f"- … {41 - (len(text.splitlines()) - 1)} more"
