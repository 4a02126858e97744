"""report.html: one page that opens from a file, needs no network and reads on a phone.

Invariant: every text of a log or a model is escaped by the template engine, and the page's content security policy
allows no script but the page's own, so a hostile log line is shown and never executed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined, Template

from toolft_pipeline.evaluation.bfcl.questions import QuestionSet
from toolft_pipeline.evaluation.report.comparison import comparison
from toolft_pipeline.evaluation.report.logged_model import LABEL
from toolft_pipeline.evaluation.report.report_cards import cards_of
from toolft_pipeline.evaluation.report.report_content import ReportContent
from toolft_pipeline.evaluation.report.trend import TrendPoint, trend_line
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, metrics_in


def render_page(content: ReportContent, *, trend: Sequence[TrendPoint]) -> str:
    """Render the page's HTML; `trend` has one point a report, oldest first."""
    models = content.metrics
    columns = {**models, **({} if content.logged is None else {LABEL: content.logged})}
    cards = [card for each in content.models for card in cards_of(each, content.tasks)]
    return _template().render(
        report=content,
        models=models,
        proofs=dict(sorted(content.proofs.items())),
        tiles=list(_tiles(models, content.catalog_tokens_saved_per_turn)),
        columns=list(columns),
        rows=_rows({name: msgspec.to_builtins(each) for name, each in columns.items()}),
        metrics={**metrics_in(Place.TABLE), **metrics_in(Place.PAGE)},
        bfcl_sets=list(QuestionSet),
        categories=_names(metrics.by_category for metrics in models.values()),
        turns=sorted({turn for metrics in models.values() for turn in metrics.by_turn}, key=int),
        tools=_names(metrics.by_tool for metrics in models.values()),
        modes=_names(metrics.failure_modes for metrics in models.values()),
        failures=_names(metrics.failures for metrics in models.values()),
        confused=_confused_tools(next(iter(models.values()))),
        card_failures=sorted({failure for card in cards for failure in card.failures}),
        card_tools=sorted({tool for card in cards for tool in card.tools}),
        cards=cards,
        trend=trend,
        trend_lines={name: (metric.label, trend_line(trend, name)) for name, metric in metrics_in(Place.TREND).items()},
        loss=_polyline(content.loss),
        last_loss=content.loss[-1][1] if content.loss else None,
        **_assets(),
    )


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_read("report.html.jinja"))


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


def _tiles(models: Mapping[str, ModelMetrics], catalog_tokens_saved: int) -> Iterator[tuple[str, str, str]]:
    """The figures at the top: label, figure, note. The first model is the one that the page is about."""
    first, *others = models.items()
    name, metrics = first
    for key, metric in metrics_in(Place.TILE).items():
        rate, *rates = (metric.figure(key, vars(each)) for each in (metrics, *(each for _, each in others[:2])))
        if rate is None:
            continue
        beside = [f"{other} {each.value:.0%}" for (other, _), each in zip(others, rates, strict=False) if each]
        yield metric.label, f"{rate.value:.1%}", ", ".join(beside) or name
    if catalog_tokens_saved:
        yield "catalog tokens saved", f"{catalog_tokens_saved:,}", "in every turn"
    yield "tokens per turn", f"{metrics.tokens_per_turn:,.0f}", f"p50 {metrics.latency_ms_p50 / 1000:,.1f} s per turn"


def _confused_tools(metrics: ModelMetrics) -> list[tuple[str, str, int]]:
    """(expected tool, called tool, times), the most frequent first: the confusion matrix off its diagonal."""
    pairs = [
        (expected, called, count)
        for expected, row in metrics.confusion.items()
        for called, count in row.items()
        if expected != called
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _names(groups: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for group in groups for name in group})


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    """SVG points of a curve in a box of 600 by 160; "" for fewer than two points."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    wide, high = (max(xs) - min(xs)) or 1.0, max(*ys, 0.0) or 1.0
    return " ".join(f"{600 * (x - min(xs)) / wide:.1f},{160 - 160 * y / high:.1f}" for x, y in points)
