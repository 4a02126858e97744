"""The step whose adapter is published, and the step at which training stops early, from Trainer's history.

Invariant: both follow from the measured figures alone, so a run that is killed and resumed makes the same choice.
Entries after an early stop are left out of the choice: a run that is resumed at the stop itself makes one more step
before it can end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

VALIDATION_LOSS = "eval_loss"
EXACT_MATCH = "eval_exact_match"

ChooseBy = Literal["validation_loss", "exact_match"]
Entry = Mapping[str, Any]


def best_step(history: Sequence[Entry], *, choose_by: ChooseBy = "validation_loss") -> int | None:
    """The first step with the best figure; None if none was measured. Equal exact matches are ranked by loss."""
    measured = _measured(history, choose_by)
    return min(measured)[-1] if measured else None


def stop_step(history: Sequence[Entry], *, choose_by: ChooseBy, patience: int | None) -> int | None:
    """The step of the evaluation that is the `patience`-th in a row without a better figure; None if there is none."""
    measured = _measured(history, choose_by)
    without = 0
    for number, figure in enumerate(measured):
        better = number == 0 or figure < min(measured[:number])
        without = 0 if better else without + 1
        if without == patience:
            return figure[-1]
    return None


def until_stop(history: list[dict[str, Any]], *, choose_by: ChooseBy, patience: int | None) -> list[dict[str, Any]]:
    """The history up to the step at which training stops early; all of it if it does not."""
    last = stop_step(history, choose_by=choose_by, patience=patience)
    return history if last is None else [entry for entry in history if entry["step"] <= last]


def _measured(history: Sequence[Entry], choose_by: ChooseBy) -> list[tuple[float, float, int]]:
    """Figures by which the lowest is best, once for each evaluated step, in order."""
    figures: dict[int, tuple[float, float, int]] = {}
    for entry in history:
        if VALIDATION_LOSS not in entry or (choose_by == "exact_match" and EXACT_MATCH not in entry):
            continue
        step, loss = int(entry["step"]), float(entry[VALIDATION_LOSS])
        first = -float(entry[EXACT_MATCH]) if choose_by == "exact_match" else loss
        figures.setdefault(step, (first, loss, step))
    return [figures[step] for step in sorted(figures)]
