"""The incumbent, the model that runs the agent today, as a column of the report: figures from its own logs.

Invariant: no figure is invented. The incumbent never ran the evaluation's tasks, so metrics that need them (right tool,
exact, fuzzy and functional match) are None; the others are counted over its own traffic, and the column says so.
"""

from __future__ import annotations

from msgspec import Struct

from toolft_pipeline.curation.readiness.production_stats import Incumbent, Share
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson

INCUMBENT = "incumbent"
"""Its key in metrics.json."""

LABEL = "incumbent (logs)"
"""Its column's name in tables."""


class LoggedMetrics(Struct, frozen=True, kw_only=True):
    """Figures under the names of an evaluated model's metrics; None where no log has them.

    `n_tasks` are runs, `n_steps` assistant turns. `parse_rate` uses the parse failures that the agent logged,
    `valid_arguments` and `hallucinated_tool` today's catalog, `task_success` the logged outcomes. Latency is a run's
    wall time including its tools, divided by its turns: that of single requests.
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
    latency_ms_single_p50: float | None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    tokens_per_turn: float | None
    cost_per_1k_tasks: float | None
    general_ability: Rate | None = None
    no_tool: Rate | None = None
    note: str


def logged_metrics(incumbent: Incumbent) -> LoggedMetrics | None:
    """Compute the column from a window's logs; None if nothing was logged."""
    if not incumbent.runs:
        return None
    return LoggedMetrics(
        n_steps=incumbent.turns,
        n_tasks=incumbent.runs,
        parse_rate=_rate(incumbent.turns_parsed),
        valid_arguments=_rate(incumbent.turns_valid),
        hallucinated_tool=_rate(incumbent.turns_made_up),
        task_success=_rate(incumbent.runs_done),
        latency_ms_single_p50=incumbent.turn_ms_p50,
        latency_ms_p50=incumbent.turn_ms_p50,
        latency_ms_p95=incumbent.turn_ms_p95,
        tokens_per_turn=incumbent.tokens_per_turn,
        cost_per_1k_tasks=incumbent.cost_per_1k_runs,
        note=_note(incumbent),
    )


def _note(incumbent: Incumbent) -> str:
    return (
        f"{LABEL}: {incumbent.runs:,} logged runs of its own traffic, other tasks than these, so no paired test "
        "compares it. Task success is the logged outcome, arguments and tools are checked against today's catalog, "
        "latency is a run's wall time including its tools, divided by its turns; nothing of it was batched."
    )


def _rate(share: Share | None) -> Rate | None:
    return None if share is None or not share.of else wilson(share.n, share.of)
