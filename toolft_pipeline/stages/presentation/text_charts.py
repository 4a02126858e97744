"""Text charts, for pages that show text inline and images only on a click.

Invariant: a table that is too long to show inline ends with the number of rows that are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

INLINE = 1_000
"""Dagster's UI shows Markdown of fewer characters inline, and longer Markdown behind a link."""

_FULL, _WIDE, _STEPS = 16, 60, "▁▂▃▄▅▆▇█"


def bar_table(values: Mapping[str, float], *, sort: bool = True) -> str:
    """A Markdown table of names, figures and bars, largest first (or in the given order), as long as fits inline."""
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
    """As many Markdown lines as fit inline; the last line says how many are left out."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        left = f"- … {len(lines) - number} more"
        if sum(len(each) + 1 for each in kept) + len(line) + len(left) + 1 >= INLINE:
            cut = [] if kept else [line[: INLINE - len(left) - 5] + "…"]
            return "\n".join([*kept, *cut, left])
        kept.append(line)
    return "\n".join(kept)


def sparkline(values: Sequence[float], *, ends: bool = True) -> str:
    """A sparkline of at most 60 characters; with `ends`, also the first and the last value."""
    if not values:
        return "none"
    shown = [values[place * len(values) // _WIDE] for place in range(_WIDE)] if len(values) > _WIDE else values
    low, high = min(shown), max(shown)
    steps = "".join(_STEPS[round((value - low) / ((high - low) or 1) * (len(_STEPS) - 1))] for value in shown)
    return f"`{steps}`" + (f" {_figure(values[0])} → {_figure(values[-1])}" if ends else "")


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _cell(text: str) -> str:
    """Escape a name for a Markdown table."""
    return text.replace("|", "¦").replace("\n", " ").replace("<", "&lt;").replace("_", "\\_")
