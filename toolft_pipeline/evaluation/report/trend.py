"""How the candidates of past reports did, for the line through the nights.

Invariant: a report is read as it was written, by whatever version of this code; one that lacks a figure is left out
and stops nothing. Points are only comparable where they rest on the same tasks, so each carries how many it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.evaluation.scoring.intervals import Rate

TREND_RATES = {"task_success": "tasks passed", "right_tool": "right tool", "exact_match": "exact calls"}
"""Lines of the trend: metric and label."""

MAX_POINTS = 60
"""Reports shown at most, the newest: two months of nights fit a phone's width."""

WIDE, HIGH = 600.0, 160.0


class _Candidate(Struct, frozen=True, kw_only=True):
    n_tasks: int
    task_success: Rate
    right_tool: Rate
    exact_match: Rate


class _Verdict(Struct, frozen=True, kw_only=True):
    promote: bool


class _Report(Struct, frozen=True, kw_only=True):
    """The models beside the candidate are not read: one may lack its figures, as what is known from logs alone does."""

    models: dict[str, Raw]
    verdict: _Verdict | None = None


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """One report's candidate: its day, when the report was written (ISO 8601), and its figures."""

    day: str
    made_at: str
    n_tasks: int
    promoted: bool
    rates: dict[str, Rate]


@dataclass(frozen=True, kw_only=True)
class TrendDot:
    """A point of a line in a box of `WIDE` by `HIGH`, with what it says when pointed at."""

    x: float
    y: float
    promoted: bool
    says: str


def read_trend_point(metrics: Path, *, model: str, day: str, made_at: str) -> TrendPoint | None:
    """The point of a report's metrics.json; None where it does not hold the model's figures."""
    try:
        report = msgspec.json.decode(metrics.read_bytes(), type=_Report)
        found = msgspec.json.decode(report.models[model], type=_Candidate)
    except (OSError, KeyError, msgspec.DecodeError):
        return None
    return TrendPoint(
        day=day,
        made_at=made_at,
        n_tasks=found.n_tasks,
        promoted=report.verdict is not None and report.verdict.promote,
        rates={name: getattr(found, name) for name in TREND_RATES},
    )


def newest(points: Iterable[TrendPoint]) -> list[TrendPoint]:
    """The newest points, oldest first, by the day they are of and then by when they were made."""
    return sorted(points, key=lambda point: (point.day, point.made_at))[-MAX_POINTS:]


def line(points: Sequence[TrendPoint], rate: str) -> list[TrendDot]:
    """The dots of one rate, evenly spaced from left to right; 100 % is at the top."""
    step = WIDE / max(1, len(points) - 1)
    return [
        TrendDot(
            x=round(number * step, 1),
            y=round(HIGH * (1 - point.rates[rate].value), 1),
            promoted=point.promoted,
            says=f"{point.day}: {TREND_RATES[rate]} {point.rates[rate].value:.1%} of {point.n_tasks} tasks",
        )
        for number, point in enumerate(points)
    ]
