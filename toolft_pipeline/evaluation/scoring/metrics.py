"""Every metric of a model, each declared once.

To add one, add a field with its declaration to `ModelMetrics`: metrics.json, the report page, the terminal table,
slices.parquet and Dagster's metadata follow from it. Raise `JUDGE_CODE` too, or evaluations made before show a dash.

Steps of one task are not independent, so the Wilson intervals of rates over steps are a little narrow; tasks are.
"""
# ruff: noqa: RUF009  # a declaration is a call of `dataclasses.field`

from __future__ import annotations

from dataclasses import dataclass, field, fields

from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metric import METRIC, MS_PER_HOUR, Metric, Place, Unit, metric, quantile, rate

Slice = dict[str, Rate | int | None]
"""Figures of a part of the steps or tasks: `n_steps`, `n_tasks`, and each metric shown in slices; None over nothing."""


@dataclass(frozen=True, kw_only=True)
class ModelMetrics:
    """One model's figures. Fields without a declaration are detail for tables of their own."""

    n_steps: int = metric(
        "turns",
        "turns of the held-out runs that the model was asked one by one, each after the expected history",
        unit=Unit.COUNT,
        compute=lambda found: found.n_steps,
        shown=(Place.PAGE,),
    )
    n_call_steps: int = metric(
        "turns with calls",
        "turns whose expected answer makes calls: what valid arguments and the three matches are shares of",
        unit=Unit.COUNT,
        compute=lambda found: found.n_call_steps,
        shown=(Place.PAGE,),
    )
    n_tasks: int = metric(
        "tasks",
        "tasks that the model ran on the backend from the first user turn to the last answer",
        unit=Unit.COUNT,
        compute=lambda found: found.n_tasks,
        shown=(Place.TABLE,),
    )
    task_success: Rate = rate(
        "task success",
        "tasks that end as they should",
        lambda found: [verdict.passed for _, verdict in found.rollouts],
        out_of="n_tasks",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND, Place.PLOT),
    )
    parse_rate: Rate = rate(
        "parse rate",
        "turns that can be read as an answer or a call",
        lambda found: [step.parsed for step in found.steps],
        out_of="n_steps",
        shown=(Place.TABLE, Place.PLOT),
    )
    right_tool: Rate = rate(
        "right tool",
        "turns that call the right tool",
        lambda found: [step.right_tool for step in found.steps],
        out_of="n_steps",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND, Place.PLOT),
    )
    valid_arguments: Rate = rate(
        "valid arguments",
        "calls with arguments that the catalog allows",
        lambda found: [step.valid_arguments for step in found.steps],
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.PLOT),
    )
    hallucinated_tool: Rate = rate(
        "hallucinated tool",
        "turns that call a tool which the catalog does not have",
        lambda found: [step.hallucinated_tool for step in found.steps],
        out_of="n_steps",
        higher_is_better=False,
    )
    exact_match: Rate = rate(
        "exact match",
        "turns whose calls equal the expected ones, names and arguments",
        lambda found: [step.exact_match for step in found.steps],
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND),
    )
    fuzzy_match: Rate = rate(
        "fuzzy match",
        "turns that call the right tools with arguments more than 0.8 similar as text",
        lambda found: [step.fuzzy_match for step in found.steps],
        out_of="n_call_steps",
    )
    functional_match: Rate = rate(
        "functional match",
        "turns whose calls have the same effect on the backend (without one: arguments more than 0.5 similar)",
        lambda found: [step.functional_match for step in found.steps],
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.SLICE),
    )
    functional_basis: str
    """What functional match rests on: a `FunctionalBasis`."""
    general_ability: Rate | None = rate(
        "general ability",
        "right answers to fixed questions that have nothing to do with the agent's job",
        lambda found: [probe.passed for probe in found.probes],
        out_of="n_probes",
        optional=True,
    )
    latency_ms_p50: float = metric(
        "latency p50, ms",
        "median time of a request within its batch",
        unit=Unit.MILLISECONDS,
        compute=lambda found: quantile((step.generation.latency_ms for step in found.steps), 0.5),
        shown=(Place.TABLE,),
        higher_is_better=False,
    )
    latency_ms_p95: float = metric(
        "latency p95, ms",
        "95th percentile of the time of a request within its batch",
        unit=Unit.MILLISECONDS,
        compute=lambda found: quantile((step.generation.latency_ms for step in found.steps), 0.95),
        shown=(Place.TABLE,),
        higher_is_better=False,
    )
    tokens_per_turn: float = metric(
        "tokens per turn",
        "prompt and answer of a turn, on average",
        unit=Unit.TOKENS,
        compute=lambda found: (
            sum(step.generation.n_prompt_tokens + step.generation.n_new_tokens for step in found.steps) / found.n_steps
            if found.steps
            else 0.0
        ),
        shown=(Place.TABLE, Place.PLOT),
        higher_is_better=False,
    )
    cost_per_1k_tasks: float = metric(
        "cost of 1,000 tasks",
        "at the prices in the agent file: tokens of an endpoint, hours of a machine",
        unit=Unit.MONEY,
        compute=lambda found: 1000 * found.machine_hour_price * found.per_task(lambda turn: turn.busy_ms) / MS_PER_HOUR,
        shown=(Place.TABLE,),
        higher_is_better=False,
    )
    catalog_tokens_saved_per_turn: int
    busy_ms_per_task: float = 0.0
    prompt_tokens_per_task: float = 0.0
    new_tokens_per_task: float = 0.0
    """Usage of a whole rollout, from which `prices` computes costs."""
    failures: dict[str, int]
    """Tasks by `FailedCondition`."""
    by_category: dict[str, Slice]
    by_tool: dict[str, Slice]
    task_outcomes: dict[str, bool]
    """Success by task, for paired tests."""
    failure_modes: dict[str, int] = field(default_factory=dict)
    """Tasks by `FailureMode`."""
    parse_faults: dict[str, int] = field(default_factory=dict)
    """Steps by `ParseFault`."""
    by_turn: dict[str, Slice] = field(default_factory=dict)
    """Slices by the number of the assistant turn in its task, from 1."""
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    """Calls by expected tool and called tool."""
    n_probes: int = 0
    general_ability_by_kind: dict[str, Rate] = field(default_factory=dict)


METRICS: dict[str, Metric] = {each.name: each.metadata[METRIC] for each in fields(ModelMetrics) if each.metadata}
"""Every declared metric by its name: the key in metrics.json."""


def metrics_in(place: Place) -> dict[str, Metric]:
    """The metrics shown in one place: rates first, then numbers, both as declared."""
    shown = [(name, each) for name, each in METRICS.items() if place in each.shown]
    return dict(sorted(shown, key=lambda entry: entry[1].unit is not Unit.SHARE))
