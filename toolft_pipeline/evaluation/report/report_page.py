"""report.html: one page that opens from a file, needs no network and reads on a phone.

Invariant: every text of a log or a model is escaped by the template engine, and the page's content security policy
allows no script but the page's own, so a hostile log line is shown and never executed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from toolft_pipeline.evaluation.bfcl.questions import QuestionSet
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.report.comparison import comparison
from toolft_pipeline.evaluation.report.logged_model import LABEL
from toolft_pipeline.evaluation.report.loss_curve import loss_curve
from toolft_pipeline.evaluation.report.reference import lost_tools, reference_order, subject, tiles
from toolft_pipeline.evaluation.report.report_cards import TaskCard, cards_of
from toolft_pipeline.evaluation.report.report_content import EvaluatedModel, ReportContent
from toolft_pipeline.evaluation.report.threshold_distances import ThresholdDistance, threshold_distances, wide_margins
from toolft_pipeline.evaluation.report.trend import TrendPoint, trend_line
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, metrics_in
from toolft_pipeline.evaluation.scoring.tables import ProbeRow


def render_page(content: ReportContent, *, trend: Sequence[TrendPoint]) -> str:
    """Render the page's HTML; `trend` has one point a report, oldest first."""
    models = content.metrics
    columns = {**models, **({} if content.logged is None else {LABEL: content.logged})}
    cards = [card for each in _in_order(content) for card in _failed_first(cards_of(each, content.tasks))]
    return _template().render(
        report=content,
        models=models,
        proofs=dict(sorted(content.proofs.items())),
        tiles=list(tiles(models, logged=content.logged, saved=content.catalog_tokens_saved_per_turn)),
        distances=_distances(content),
        warnings=wide_margins(content.abilities),
        lost_tools=lost_tools(models),
        reference=next(iter(reference_order(models)), None),
        subject=models[subject(models)],
        kinds=_names(metrics.general_ability_by_kind for metrics in models.values()),
        missed=_missed_questions(content),
        columns=list(columns),
        rows=_rows({name: msgspec.to_builtins(each) for name, each in columns.items()}),
        metrics={**metrics_in(Place.TABLE), **metrics_in(Place.PAGE)},
        bfcl_sets=list(QuestionSet),
        levels=[each for each in Level if any(each in metrics.by_level for metrics in models.values())],
        categories=_names(metrics.by_category for metrics in models.values()),
        turns=sorted({turn for metrics in models.values() for turn in metrics.by_turn}, key=int),
        tools=_names(metrics.by_tool for metrics in models.values()),
        modes=_most_first(models, "failure_modes"),
        failures=_most_first(models, "failures"),
        confused=_confused_tools(models[subject(models)]),
        subject_name=subject(models),
        card_failures=sorted({failure for card in cards for failure in card.failures}),
        card_tools=sorted({tool for card in cards for tool in card.tools}),
        cards=cards,
        trend=trend,
        trend_lines={name: (metric.label, trend_line(trend, name)) for name, metric in metrics_in(Place.TREND).items()},
        loss=loss_curve(content.loss),
        **_assets(),
    )


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_read)
    )
    return environment.get_template("report.html.jinja")


def _assets() -> dict[str, str]:
    """Style and script of the page, and the script's digest for the content security policy."""
    script = _read("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": _read("report.css"), "script": script, "script_digest": digest}


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _rows(columns: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Rows of the result table: a label, and for each column a rate, the text of a number, or None."""
    table = comparison(columns, bfcl={}, rate=lambda rate: rate, places=(Place.TABLE, Place.PAGE))
    return [(label, cells) for label, *cells in table.itertuples(name=None)]


def _in_order(content: ReportContent) -> list[EvaluatedModel]:
    """The model that the page is about first."""
    about = subject(content.metrics)
    return sorted(content.models, key=lambda each: each.name != about)


def _failed_first(cards: Iterable[TaskCard]) -> list[TaskCard]:
    return sorted(cards, key=lambda card: card.passed)


def _distances(content: ReportContent) -> list[ThresholdDistance]:
    if content.gate is None:
        return []
    judged = (content.verdict and content.verdict.judged) or subject(content.metrics)
    return threshold_distances(content.metrics[judged], gate=content.gate, abilities=content.abilities)


def _missed_questions(content: ReportContent) -> list[ProbeRow]:
    """The questions on general ability that the page's model got wrong, calls first."""
    about = subject(content.metrics)
    rows = [row for each in content.models if each.name == about for row in each.probes if not row.passed]
    return sorted(rows, key=lambda row: not row.called)


def _confused_tools(metrics: ModelMetrics) -> list[tuple[str, str, int]]:
    """(expected tool, called tool, times), the most frequent first: the confusion matrix off its diagonal."""
    pairs = [
        (expected, called, count)
        for expected, row in metrics.confusion.items()
        for called, count in row.items()
        if expected != called
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _most_first(models: Mapping[str, ModelMetrics], counts: str) -> list[str]:
    """The names in counts of failures, the most frequent of the page's model first."""
    about: Mapping[str, int] = getattr(models[subject(models)], counts)
    return sorted(_names(getattr(metrics, counts) for metrics in models.values()), key=lambda name: -about.get(name, 0))


def _names(groups: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for group in groups for name in group})
