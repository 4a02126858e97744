"""How the candidates of past reports did, for the trend on the report page.

Invariant: a report is read as it was written, by whatever version of this code. One that cannot be read is left out,
and a metric that it lacks has no dot. Points compare only if they rest on the same tasks, so each carries their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import METRICS, metrics_in

MAX_POINTS = 60
"""Reports shown at most, the newest: two months of nights fit a phone's width."""

WIDE, HIGH = 600.0, 160.0


class _TrendVerdict(Struct, frozen=True, kw_only=True):
    promote: bool


class _TrendReport(Struct, frozen=True, kw_only=True):
    """A report's metrics.json; models other than the candidate stay undecoded, as the incumbent lacks figures."""

    models: dict[str, Raw]
    verdict: _TrendVerdict | None = None


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """One report's candidate: its day, when the report was written (ISO 8601), and its rates by metric."""

    day: str
    made_at: str
    n_tasks: int
    promoted: bool
    rates: dict[str, Rate]


@dataclass(frozen=True, kw_only=True)
class TrendDot:
    """A point of a line in a box of `WIDE` by `HIGH`, with its tooltip."""

    x: float
    y: float
    promoted: bool
    tooltip: str


def read_trend_point(metrics: Path, *, model: str, day: str, made_at: str) -> TrendPoint | None:
    """Read the point of a report's metrics.json; None if it does not hold the model's figures."""
    try:
        report = msgspec.json.decode(metrics.read_bytes(), type=_TrendReport)
        figures = msgspec.json.decode(report.models[model], type=dict[str, Raw])
        n_tasks = msgspec.json.decode(figures["n_tasks"], type=int)
        known = [name for name in metrics_in(Place.TREND) if name in figures]
        rates = {name: msgspec.json.decode(figures[name], type=Rate) for name in known}
    except (OSError, KeyError, msgspec.DecodeError):
        return None
    promoted = report.verdict is not None and report.verdict.promote
    return TrendPoint(day=day, made_at=made_at, n_tasks=n_tasks, promoted=promoted, rates=rates)


def newest_points(points: Iterable[TrendPoint]) -> list[TrendPoint]:
    """The newest points, oldest first, by the day they are of and then by when they were made."""
    return sorted(points, key=lambda point: (point.day, point.made_at))[-MAX_POINTS:]


def trend_line(points: Sequence[TrendPoint], rate: str) -> list[TrendDot]:
    """The dots of one rate, evenly spaced from left to right; 100 % is at the top."""
    step = WIDE / max(1, len(points) - 1)
    return [
        TrendDot(
            x=round(number * step, 1),
            y=round(HIGH * (1 - point.rates[rate].value), 1),
            promoted=point.promoted,
            tooltip=f"{point.day}: {METRICS[rate].label} {point.rates[rate].value:.1%} of {point.n_tasks} tasks",
        )
        for number, point in enumerate(points)
        if rate in point.rates
    ]
