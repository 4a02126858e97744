"""Refuse training whose estimated time exceeds `training.max_hours`.

Invariant: a refused training run has loaded no weights and written no checkpoint.
"""

from __future__ import annotations

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import DrawnRows

LIMIT = "training.max_hours allows"
"""Part of every refusal: the command line recognizes it and asks at a terminal."""


class TakesTooLongError(FixableError, RuntimeError):
    """Training would take longer than the settings allow; one line with the figures and what to lower."""


def check_time(*, seconds: float, drawn: DrawnRows, training: TrainingSettings) -> None:
    """Raise `TakesTooLongError` if the estimate exceeds `training.max_hours`."""
    hours, limit = seconds / 3600, training.max_hours
    if limit is None or hours <= limit:
        return
    fitting = int(drawn.train.tokens * limit / hours) // 1000 * 1000
    goal = f" to about {fitting:,}" if fitting else ""
    fewer = f"lower training.token_budget{goal} (now {drawn.train.tokens:,} tokens)"
    epochs = " or training.epochs" if training.epochs > 1 else ""
    raise TakesTooLongError(
        f"training would take about {_hours(hours)}, {LIMIT} {_hours(limit)}: {fewer}{epochs}, choose a smaller base "
        f"model or a faster machine, or allow it with --set training.max_hours={_round_up(hours):g}"
    )


def _hours(hours: float) -> str:
    """A duration for people: seconds below two minutes, minutes below two hours, days from two days on."""
    if hours < 2 / 60:
        return f"{hours * 3600:.0f} seconds"
    if hours < 2:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def _round_up(hours: float) -> float:
    """A limit with a margin for the estimate's error."""
    return float(f"{hours * 1.5:.1g}") if hours >= 1 else round(hours * 1.5 + 0.05, 1)
