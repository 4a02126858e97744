"""report.html: one page that opens from a file, needs no network and reads on a phone.

Invariant: every text of a log or a model passes through the template engine's escaping, and the page's own policy
lets no script run but the page's own, so a hostile log line is shown and never executed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined

from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.bfcl.questions import QuestionSet
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.report.logged_model import LABEL, LoggedMetrics
from toolft_pipeline.evaluation.report.report_cards import EvaluatedModel, cards_of
from toolft_pipeline.evaluation.report.training_example import TrainingExample
from toolft_pipeline.evaluation.report.trend import TREND_RATES, TrendPoint, line
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.task import Task

RATES = {
    "task_success": "tasks passed",
    "parse_rate": "turns that parse",
    "right_tool": "right tool",
    "valid_arguments": "schema-valid arguments",
    "exact_match": "exact calls",
    "fuzzy_match": "fuzzy match (> 0.8 alike)",
    "functional_match": "functional match",
    "hallucinated_tool": "made-up tools (fewer is better)",
    "general_ability": "general ability (fixed questions)",
}
"""Rows of the result table: metric and label."""


def render_page(
    *,
    agent: str,
    day: str,
    evaluated: Sequence[EvaluatedModel],
    logged: LoggedMetrics | None = None,
    bfcl: Mapping[str, Mapping[str, SetRate]] = MappingProxyType({}),
    tasks: Sequence[Task],
    verdict: GateVerdict | None,
    proofs: Mapping[str, bool],
    catalog_tokens_saved: int,
    taught: Sequence[TrainingExample] = (),
    loss: Sequence[tuple[float, float]],
    trend: Sequence[TrendPoint],
) -> str:
    """The page's HTML.

    `logged` stands beside the judged models in the table of results, `taught` are rows that the model was trained on,
    `loss` are (step, loss) points of the training, `trend` is one point a report, oldest first.
    """
    here = resources.files(__package__)
    script = here.joinpath("report.js").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("report.html.jinja").read_text(encoding="utf-8"))
    models = {each.name: each.metrics for each in evaluated}
    columns: dict[str, ModelMetrics | LoggedMetrics] = {**models, **({} if logged is None else {LABEL: logged})}
    cards = [card for each in evaluated for card in cards_of(each, tasks)]
    return template.render(
        agent=agent,
        day=day,
        models=models,
        columns=columns,
        note="" if logged is None else logged.note,
        rates=_with_something_to_show(columns),
        bfcl=bfcl,
        bfcl_sets=list(QuestionSet),
        verdict=verdict,
        tiles=list(_tiles(models, catalog_tokens_saved)),
        proofs=proofs,
        categories=_names(metrics.by_category for metrics in models.values()),
        turns=sorted({turn for metrics in models.values() for turn in metrics.by_turn}, key=int),
        tools=_names(metrics.by_tool for metrics in models.values()),
        modes=_names(metrics.failure_modes for metrics in models.values()),
        failures=_names(metrics.failures for metrics in models.values()),
        mistaken=_mistaken(next(iter(models.values()))),
        found=sorted({failure for card in cards for failure in card.failures}),
        called=sorted({tool for card in cards for tool in card.tools}),
        cards=cards,
        taught=taught,
        trend=trend,
        trend_lines=[(label, line(trend, rate)) for rate, label in TREND_RATES.items()],
        loss=_polyline(loss),
        last_loss=loss[-1][1] if loss else None,
        style=here.joinpath("report.css").read_text(encoding="utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _tiles(models: Mapping[str, ModelMetrics], catalog_tokens_saved: int) -> Iterator[tuple[str, str, str]]:
    """The headline: label, figure, and what stands beside it. The first model is the one that the page is about."""
    first, *others = models.items()
    name, metrics = first
    for label, rate in (("tasks passed", "task_success"), ("right tool", "right_tool"), ("exact calls", "exact_match")):
        if rate == "task_success" and not metrics.n_tasks:
            continue
        beside = [f"{other} {getattr(each, rate).value:.0%}" for other, each in others[:2]]
        yield label, f"{getattr(metrics, rate).value:.1%}", ", ".join(beside) or name
    if catalog_tokens_saved:
        yield "catalog tokens saved", f"{catalog_tokens_saved:,}", "at every turn"
    yield "tokens a turn", f"{metrics.tokens_per_turn:,.0f}", f"p50 {metrics.latency_ms_p50 / 1000:,.1f} s a turn"


def _with_something_to_show(
    models: Mapping[str, ModelMetrics | LoggedMetrics],
) -> dict[str, tuple[str, dict[str, Rate | None]]]:
    """Rate rows: metric -> label and, by model, the rate, or None where it counts nothing."""
    rows: dict[str, tuple[str, dict[str, Rate | None]]] = {}
    for metric, label in RATES.items():
        counted: dict[str, Rate | None] = {}
        for name, metrics in models.items():
            empty = metrics.n_tasks == 0 if metric == "task_success" else metrics.n_steps == 0
            counted[name] = None if empty else getattr(metrics, metric)
        if any(counted.values()):
            rows[metric] = (label, counted)
    return rows


def _mistaken(metrics: ModelMetrics) -> list[tuple[str, str, int]]:
    """Expected tool, called tool and how often, the most frequent first: the confusion matrix off its diagonal."""
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
    """SVG points of a curve in a box of 600 by 160; nothing for fewer than two points."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    wide, high = (max(xs) - min(xs)) or 1.0, max(*ys, 0.0) or 1.0
    return " ".join(f"{600 * (x - min(xs)) / wide:.1f},{160 - 160 * y / high:.1f}" for x, y in points)
