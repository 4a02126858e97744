"""Plots for the UI (bars, histogram, curves), each with a text chart of the same data; no display is needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from toolft_pipeline.stages.presentation.text_charts import bar_table, sparkline
from toolft_pipeline.stages.spec.stage import Plot
from toolft_pipeline.warehouse.digest import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#2f6f8f"


def bars(values: Json, *, title: str) -> Plot:
    """Horizontal bars of counts by name, largest first."""
    counts = cast("Mapping[str, float]", values)
    rows = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    figure, axes = _canvas(title, height=max(1.2, 0.22 * len(rows) + 0.8))
    axes.barh([name for name, _ in rows], [value for _, value in rows], color=_INK)
    return _finish(figure, bar_table(counts))


def by_day(values: Mapping[str, float], *, title: str) -> Plot:
    """One column per day, shares from 0 to 1."""
    figure, axes = _canvas(title, height=2.4)
    days = sorted(values)
    axes.bar(days, [values[day] for day in days], color=_INK)
    axes.set_ylim(0, 1)
    axes.tick_params(axis="x", labelrotation=45)
    return _finish(figure, bar_table({day: values[day] for day in days}, sort=False))


def histogram(values: Sequence[float], *, title: str, label: str) -> Plot:
    """A histogram of 30 equal bins."""
    figure, axes = _canvas(title, height=2.4)
    counts, edges, _ = axes.hist(values, bins=30, color=_INK)
    axes.set_xlabel(label)
    span = f"{edges[0]:,.0f} to {edges[-1]:,.0f} {label}, {len(values):,} in all"
    return _finish(figure, f"{sparkline([int(count) for count in counts], ends=False)} {span}")


def curves(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str, label: str) -> Plot:
    """Lines by name, each with its x and y values."""
    figure, axes = _canvas(title, height=2.6)
    for name, (x, y) in lines.items():
        axes.plot(x, y, label=name)
    axes.set_xlabel(label)
    axes.legend()
    return _finish(figure, "\n".join(f"- {name}: {sparkline(y)}" for name, (_, y) in lines.items()))


def _canvas(title: str, *, height: float) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    return figure, axes


def _finish(figure: Figure, summary: str) -> Plot:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return Plot(png=buffer.getvalue(), summary=summary)
