"""The model that runs the agent now, as a column beside the models that were judged: what its own logs say of it.

Invariant: no figure is made up. It was never asked the evaluation's tasks, so what only those can say (right tool,
exact, fuzzy and functional match) is None; what is there is counted over its own traffic, and the column says so.
"""

from __future__ import annotations

from msgspec import Struct

from toolft_pipeline.curation.readiness.production_stats import Incumbent, Share
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson

INCUMBENT = "incumbent"
"""The key under which it stands among the results."""

LABEL = "incumbent (logs)"
"""Its name in tables."""


class LoggedMetrics(Struct, frozen=True, kw_only=True):
    """The figures that a judged model has too, by the same names; None where no log says them.

    `n_tasks` are runs, `n_steps` assistant turns. `parse_rate` goes by the failures that the agent counted,
    `valid_arguments` and `hallucinated_tool` by today's catalog, `task_success` by the logged outcomes. Latency is a
    run's wall time, its tools included, divided by its turns.
    """

    n_steps: int
    n_tasks: int
    parse_rate: Rate | None
    right_tool: Rate | None = None
    valid_arguments: Rate | None
    hallucinated_tool: Rate | None
    exact_match: Rate | None = None
    fuzzy_match: Rate | None = None
    functional_match: Rate | None = None
    task_success: Rate | None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    tokens_per_turn: float | None
    cost_per_1k_tasks: float | None
    general_ability: Rate | None = None
    note: str


def logged_metrics(incumbent: Incumbent) -> LoggedMetrics | None:
    """The column of a window's logs; None where nothing was logged."""
    if not incumbent.runs:
        return None
    return LoggedMetrics(
        n_steps=incumbent.turns,
        n_tasks=incumbent.runs,
        parse_rate=_rate(incumbent.turns_parsed),
        valid_arguments=_rate(incumbent.turns_valid),
        hallucinated_tool=_rate(incumbent.turns_made_up),
        task_success=_rate(incumbent.runs_done),
        latency_ms_p50=incumbent.turn_ms_p50,
        latency_ms_p95=incumbent.turn_ms_p95,
        tokens_per_turn=incumbent.tokens_per_turn,
        cost_per_1k_tasks=incumbent.cost_per_1k_runs,
        note=_note(incumbent),
    )


def _note(incumbent: Incumbent) -> str:
    return (
        f"{LABEL}: {incumbent.runs:,} logged runs of its own traffic, other tasks than these, so no paired test "
        "compares it. Tasks passed are outcomes as logged, arguments and tools are held against today's catalog, "
        "latency is a run's wall time, its tools included, over its turns."
    )


def _rate(share: Share | None) -> Rate | None:
    return None if share is None or not share.of else wilson(share.n, share.of)
