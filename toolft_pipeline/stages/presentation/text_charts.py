"""Small pictures made of characters, for places that show text at once and a picture only on a click.

Invariant: nothing is left out in silence; where a table would be too long to be shown at once, its last line says how
many rows it lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

INLINE = 1_000
"""Dagster's UI unfolds Markdown of fewer characters; longer ones wait behind a link."""

_FULL, _WIDE, _STEPS = 16, 60, "▁▂▃▄▅▆▇█"


def bar_table(values: Mapping[str, float], *, sort: bool = True) -> str:
    """Names, figures and bars as a Markdown table, the largest first (or in the order given) and as long as fits."""
    if not values:
        return "none"
    rows = sorted(values.items(), key=lambda item: (-item[1], item[0])) if sort else list(values.items())
    most = max(abs(value) for value in values.values()) or 1
    lines = ["| | | |", "|---|---:|---|"]
    for number, (name, value) in enumerate(rows):
        line = f"| {_cell(name)} | {_figure(value)} | {'█' * round(_FULL * abs(value) / most)} |"
        left = f"| … {len(rows) - number} more | | |"
        if sum(len(each) + 1 for each in lines) + len(line) + len(left) >= INLINE:
            return "\n".join([*lines, left])
        lines.append(line)
    return "\n".join(lines)


def fit_inline(lines: Sequence[str]) -> str:
    """Lines of Markdown, as many as the UI unfolds at once; the last says how many are left out."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        left = f"- … {len(lines) - number} more"
        if sum(len(each) + 1 for each in kept) + len(line) + len(left) + 1 >= INLINE:
            cut = [] if kept else [line[: INLINE - len(left) - 5] + "…"]
            return "\n".join([*kept, *cut, left])
        kept.append(line)
    return "\n".join(kept)


def sparkline(values: Sequence[float], *, ends: bool = True) -> str:
    """A line of values as 60 characters at most, from the least to the most; with `ends`, the first and the last."""
    if not values:
        return "none"
    shown = [values[place * len(values) // _WIDE] for place in range(_WIDE)] if len(values) > _WIDE else values
    low, high = min(shown), max(shown)
    steps = "".join(_STEPS[round((value - low) / ((high - low) or 1) * (len(_STEPS) - 1))] for value in shown)
    return f"`{steps}`" + (f" {_figure(values[0])} → {_figure(values[-1])}" if ends else "")


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _cell(text: str) -> str:
    """A name as Markdown shows it, not as it would read it."""
    return text.replace("|", "¦").replace("\n", " ").replace("<", "&lt;").replace("_", "\\_")
