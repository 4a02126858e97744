"""The model that the page compares the candidate with: the model in service, else the incumbent, else the base.

Invariant: a figure stands beside that of the best model that has it, and says whose it is. The untuned base comes last:
a candidate that beats 4 % says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.evaluation.report.logged_model import LABEL, LoggedMetrics
from toolft_pipeline.evaluation.report.report_content import CANDIDATE, IN_SERVICE
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metric import Metric, Place, Unit
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics, metrics_in

LISTED_TOOLS = 10


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A figure at the top of the page, and the one beside it."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class LostTool:
    """A tool whose turns the candidate got wrong: `failed` of `n_steps`, and its rate; `reference` is that of the model
    which it is compared with, where that was asked about this tool.
    """

    name: str
    failed: int
    n_steps: int
    rate: Rate
    reference: Rate | None


def subject(models: Mapping[str, ModelMetrics]) -> str:
    """The model that the page is about: the candidate, else the first."""
    return CANDIDATE if CANDIDATE in models else next(iter(models))


def reference_order(models: Mapping[str, ModelMetrics]) -> list[str]:
    """The evaluated models to compare with, best first: the one in service, then all others as listed."""
    about = subject(models)
    others = [name for name in models if name != about and not name.startswith(f"{about}+")]  # nor it behind a net
    return sorted(others, key=lambda name: name != IN_SERVICE)


def tiles(models: Mapping[str, ModelMetrics], *, logged: LoggedMetrics | None, saved: int) -> Iterator[Tile]:
    """The figures at the top; `saved` are catalog tokens saved a turn."""
    metrics = vars(models[subject(models)])
    order: list[tuple[str, Mapping[str, Any]]] = [(name, vars(models[name])) for name in reference_order(models)]
    if logged is not None:
        place = 1 if IN_SERVICE in models else 0
        order.insert(place, (LABEL, {name: getattr(logged, name, None) for name in METRICS}))
    for key, metric in metrics_in(Place.TILE).items():
        figure, beside = metric.figure(key, metrics), _beside(key, metric, order)
        if figure is not None:
            yield Tile(label=metric.label, value=_text(metric, figure), note=beside or "nothing to compare with")
        elif metric.unit is Unit.MONEY and beside:
            yield Tile(
                label=metric.label, value="not known", note=f"{beside}; ours needs evaluation.machine_hour_price"
            )
    if saved:
        yield Tile(label="catalog tokens saved", value=f"{saved:,}", note="in every turn")


def _beside(key: str, metric: Metric, order: list[tuple[str, Mapping[str, Any]]]) -> str:
    """The first model that has the figure, and its figure; of speed and cost the incumbent's too, which ours is to
    replace. "" where none has it.
    """
    known = [(name, figure) for name, figures in order if (figure := metric.figure(key, figures)) is not None]
    shown = known[:1] if metric.unit is Unit.SHARE else known[:1] + [each for each in known[1:] if each[0] == LABEL]
    return ", ".join(f"{name.replace('_', ' ')} {_text(metric, figure)}" for name, figure in shown)


def _text(metric: Metric, figure: Any) -> str:
    return f"{figure.value:.1%}" if isinstance(figure, Rate) else metric.text(figure)


def lost_tools(models: Mapping[str, ModelMetrics]) -> list[LostTool]:
    """The tools with the most wrong turns of the candidate, at most ten; wrong is other calls than expected, for turns
    that should call nothing any call.
    """
    name = subject(models)
    reference = next(iter(reference_order(models)), None)
    found = []
    for tool, part in models[name].by_tool.items():
        rate, n_steps = _tool_rate(part), part["n_steps"]
        if rate is None or not isinstance(n_steps, int):
            continue
        failed = round(n_steps * (1 - rate.value))
        theirs = None if reference is None else _tool_rate(models[reference].by_tool.get(tool, {}))
        if failed:
            found.append(LostTool(name=tool, failed=failed, n_steps=n_steps, rate=rate, reference=theirs))
    return sorted(found, key=lambda each: (-each.failed, each.rate.value, each.name))[:LISTED_TOOLS]


def _tool_rate(part: Mapping[str, Any]) -> Rate | None:
    rate = part.get("exact_match") or part.get("right_tool")
    return rate if isinstance(rate, Rate) else None
