"""The training loss as a curve with axes: points and ticks of an SVG picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDE, HIGH = 600.0, 160.0
"""Size of the box inside the axes, in SVG units."""


@dataclass(frozen=True, kw_only=True)
class LossCurve:
    """A curve in a box of `WIDE` by `HIGH`: its points, and (position, label) of the ticks of both axes."""

    points: str
    steps: tuple[tuple[float, str], ...]
    losses: tuple[tuple[float, str], ...]
    first: float
    last: float


def loss_curve(points: Sequence[tuple[float, float]]) -> LossCurve | None:
    """The curve of (step, loss) points, loss from zero; None for fewer than two points."""
    if len(points) < 2:
        return None
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    first, last = min(steps), max(steps)
    wide = (last - first) or 1.0
    ticks = _ticks(0.0, max(*losses, 0.0) or 1.0)
    high = ticks[-1]
    return LossCurve(
        points=" ".join(f"{WIDE * (step - first) / wide:.1f},{HIGH * (1 - loss / high):.1f}" for step, loss in points),
        steps=tuple(
            (round(WIDE * (tick - first) / wide, 1), f"{tick:,.0f}") for tick in _ticks(first, last) if tick <= last
        ),
        losses=tuple((round(HIGH * (1 - tick / high), 1), f"{tick:g}") for tick in ticks),
        first=losses[0],
        last=losses[-1],
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) from at or above `low` to at or above `high`: 3 to 7."""
    rough = (high - low) / 4 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    apart = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    start, end = math.ceil(low / apart - 1e-9), math.ceil(high / apart - 1e-9)
    return [round(number * apart, 10) for number in range(start, end + 1)]
