"""Every declared metric reaches metrics.json and each place that its declaration names."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.cli.output.result_table import result_table
from toolft_pipeline.evaluation.promotion.gate import GATED, GateVerdict
from toolft_pipeline.evaluation.report.report import write_report
from toolft_pipeline.evaluation.report.report_content import CANDIDATE, EvaluatedModel, ReportContent
from toolft_pipeline.evaluation.report.trend import read_trend_point
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metric import Evidence, Place, Unit
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics, metrics_in
from toolft_pipeline.evaluation.scoring.summary import summarize
from toolft_pipeline.settings import GateSettings
from toolft_pipeline.stages.presentation.report_metadata import headline_metrics, report_texts
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.model_versions import commit

VERDICT = GateVerdict(promote=False, reasons=("too few tasks",), n_tasks=9, smallest_visible_difference=0.5)


def _measured() -> ModelMetrics:
    """A model that has every metric, and one slice with every metric of slices."""
    values: dict[str, Any] = {
        name: wilson(8, 10) if metric.unit is Unit.SHARE else 7 for name, metric in METRICS.items()
    }
    part = {"n_steps": 10, "n_tasks": 5, **{name: values[name] for name in metrics_in(Place.SLICE)}}
    return replace(figures(80), **values, n_probes=10, n_readings=10, by_category={"single_call": part})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A report on that model."""
    model = EvaluatedModel(name=CANDIDATE, metrics=_measured(), steps=[], rollouts=[])
    content = ReportContent(agent="desk", day="2026-10-05", models=[model], tasks=[], verdict=VERDICT, proofs={})
    headline: dict[str, Any] = headline_metrics(content.metrics, verdict=VERDICT)
    warehouse = Warehouse(tmp_path_factory.mktemp("warehouse"))
    version = commit(warehouse, "eval_report", "2026-10-05", "report", headline=headline)
    version.folder.chmod(0o755)
    write_report(content, version.folder)
    return version


def _metrics_json(report: Version) -> Any:
    return json.loads((report.folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_declared_in_words_and_shown_somewhere(name: str) -> None:
    metric = METRICS[name]
    assert metric.label
    assert metric.description
    assert metric.shown
    assert [each.label for each in METRICS.values()].count(metric.label) == 1


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_computed_and_written_to_metrics_json(name: str, report: Version) -> None:
    nothing = summarize(Evidence(steps=[], rollouts=[]), tasks=[], catalog_tokens_saved_per_turn=0)
    assert hasattr(nothing, name)
    assert _metrics_json(report)["models"][CANDIDATE][name] is not None


@pytest.mark.parametrize("name", metrics_in(Place.TABLE))
def test_metric_is_a_row_of_page_terminal_and_dagster_tables(name: str, report: Version) -> None:
    title = METRICS[name].title
    page = unescape((report.folder / "report.html").read_text(encoding="utf-8"))
    assert f"<tr><th>{title}</th><td class=" in page
    assert f"<tr><th>{title}</th><td>{METRICS[name].description}</td>" in page
    assert f"| {title} " in result_table(_metrics_json(report))
    assert f"|{title}|" in report_texts(report)["models"]


@pytest.mark.parametrize("name", metrics_in(Place.SLICE))
def test_metric_is_in_every_table_of_slices(name: str, report: Version) -> None:
    assert _metrics_json(report)["models"][CANDIDATE]["by_category"]["single_call"][name]["value"] == 0.8
    assert pq.read_table(report.folder / "slices.parquet").to_pylist()[0][name]["value"] == 0.8
    assert f" {METRICS[name].label} |" in report_texts(report)["slices"].splitlines()[0]


def test_metrics_of_tiles_trend_and_plots_are_there(report: Version) -> None:
    page = unescape((report.folder / "report.html").read_text(encoding="utf-8"))
    shown = {Unit.SHARE: "80.0%", Unit.MILLISECONDS: "7", Unit.TOKENS: "7", Unit.MONEY: "7.00"}
    assert not [
        metric.label
        for metric in metrics_in(Place.TILE).values()
        if f'dim">{metric.label}</span><b>{shown[metric.unit]}</b>' not in page
    ]
    point = read_trend_point(report.folder / "metrics.json", model=CANDIDATE, day="2026-10-05", made_at="now")
    assert point is not None
    assert point.rates.keys() == metrics_in(Place.TREND).keys()
    assert metrics_in(Place.PLOT).keys() <= report.manifest.headline.keys()


def test_gate_thresholds_are_metrics_by_the_same_names() -> None:
    shares = {name for name, field in GateSettings.model_fields.items() if field.annotation is float}
    others = {"wrong_promotions_per_year", "max_impossible_share", *(n for n in shares if n.endswith("margin"))}
    assert set(GATED) == shares - others
