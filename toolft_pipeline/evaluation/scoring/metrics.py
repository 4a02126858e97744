"""Every metric of a model, each declared once.

To add one, add a field with its declaration to `ModelMetrics`: metrics.json, the report page, the terminal table,
slices.parquet and Dagster's metadata follow from it. Raise `JUDGE_CODE` too, or evaluations made before show a dash.

Steps of one task are not independent: intervals of rates over steps are clustered by task.
"""
# ruff: noqa: RUF009  # a declaration is a call of `dataclasses.field`

from __future__ import annotations

from dataclasses import dataclass, field, fields

from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition
from toolft_pipeline.evaluation.models.safety_nets import fallback_answer
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.levels import headline
from toolft_pipeline.evaluation.scoring.metric import (
    METRIC,
    MS_PER_HOUR,
    Evidence,
    Metric,
    Place,
    Unit,
    metric,
    rate,
    step_rate,
)
from toolft_pipeline.quantile import quantile

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
    n_answer_steps: int = metric(
        "turns without calls",
        "turns whose expected answer makes no call",
        unit=Unit.COUNT,
        compute=lambda found: found.n_answer_steps,
        shown=(Place.PAGE,),
    )
    n_tasks: int = metric(
        "tasks",
        "tasks that the model ran on the backend from the first user turn to the last answer",
        unit=Unit.COUNT,
        compute=lambda found: found.n_tasks,
        shown=(Place.TABLE,),
    )
    headline: Rate | None = metric(
        "headline: task success, tools balanced",
        "mean over tools of the success of the tasks whose plan calls the tool, over the levels new wording, new "
        "composition and new family; tasks without calls are one tool more. Files without levels have none",
        unit=Unit.SHARE,
        compute=lambda found: headline(found.outcomes, found.tasks),
        shown=(Place.TABLE, Place.TILE, Place.PLOT),
    )
    task_success: Rate = rate(
        "task success",
        "tasks that end as they should",
        lambda found: [verdict.passed for _, verdict in found.rollouts],
        out_of="n_tasks",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND, Place.PLOT),
    )
    answer_unread: Rate = rate(
        "unread answers",
        "tasks with an answer of which no declared form tells how it ended: failed, and worth a look at `answers`",
        lambda found: [
            any(each.failure is FailedCondition.ANSWER_UNREAD for each in verdict.findings)
            for _, verdict in found.rollouts
        ],
        out_of="n_tasks",
        shown=(Place.TABLE,),
        higher_is_better=False,
    )
    reader_agreement: Rate | None = rate(
        "second reader agrees",
        "answers that the rules and the model of `evaluation.answer_reader` read alike; it decides nothing",
        lambda found: [
            None if each.reader_says_right is None else each.reader_says_right == each.right for each in found.readings
        ],
        out_of="n_readings",
        optional=True,
    )
    parse_rate: Rate = step_rate(
        "parse rate",
        "turns that can be read as an answer or a call",
        lambda step: step.parsed,
        out_of="n_steps",
        shown=(Place.TABLE, Place.PLOT),
    )
    right_tool: Rate = step_rate(
        "right tool",
        "turns that call the right tool",
        lambda step: step.right_tool,
        out_of="n_steps",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND, Place.PLOT),
    )
    right_tool_calling: Rate = step_rate(
        "right tool, calls",
        "turns whose expected answer makes calls, and that call the right tool",
        lambda step: step.right_tool if step.exact_match is not None else None,
        out_of="n_call_steps",
    )
    right_tool_answering: Rate = step_rate(
        "right tool, answers",
        "turns whose expected answer makes no call, and that make none",
        lambda step: step.right_tool if step.exact_match is None else None,
        out_of="n_answer_steps",
    )
    valid_arguments: Rate = step_rate(
        "valid arguments",
        "calls with arguments that the catalog allows",
        lambda step: step.valid_arguments,
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.PLOT),
    )
    hallucinated_tool: Rate = step_rate(
        "hallucinated tool",
        "turns that call a tool which the catalog does not have",
        lambda step: step.hallucinated_tool,
        out_of="n_steps",
        higher_is_better=False,
    )
    exact_match: Rate = step_rate(
        "exact match",
        "turns whose calls equal the expected ones, names and arguments",
        lambda step: step.exact_match,
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.TILE, Place.SLICE, Place.TREND),
    )
    fuzzy_match: Rate = step_rate(
        "fuzzy match",
        "turns that call the right tools with arguments more than 0.8 similar as text",
        lambda step: step.fuzzy_match,
        out_of="n_call_steps",
    )
    functional_match: Rate = step_rate(
        "functional match",
        "turns whose calls have the same effect on the backend (without one: arguments more than 0.5 similar)",
        lambda step: step.functional_match,
        out_of="n_call_steps",
        shown=(Place.TABLE, Place.SLICE),
    )
    functional_basis: str
    """What functional match rests on: a `FunctionalBasis`."""
    general_ability: Rate | None = rate(
        "general ability",
        "right answers to questions that have nothing to do with the agent's job",
        lambda found: [probe.passed for probe in found.probes],
        out_of="n_probes",
        optional=True,
    )
    no_tool: Rate | None = rate(
        "no call where none can help",
        "those of these questions that no tool can answer, answered without a call",
        lambda found: [None if probe.called is None else not probe.called for probe in found.probes],
        out_of="n_probes",
        optional=True,
    )
    fallback_share: Rate | None = rate(
        "answered by the fallback",
        "turns that the endpoint behind the safety net answered; what they pass is not the model's own",
        lambda found: (
            [fallback_answer(step.generation) is not None for step in found.steps] if _any_fallback(found) else []
        ),
        out_of="n_steps",
        optional=True,
        higher_is_better=False,
    )
    latency_ms_single_p50: float | None = metric(
        "latency of a single request p50, ms",
        "median time of a request that is answered alone, on the machine of the evaluation (incumbent: from its logs)",
        unit=Unit.MILLISECONDS,
        compute=lambda found: quantile(found.single_ms, 0.5),
        shown=(Place.TABLE, Place.TILE, Place.PLOT),
        higher_is_better=False,
    )
    latency_ms_p50: float = metric(
        "latency in a batch p50, ms",
        "median time of a turn from when its prompt is read: turns are decoded side by side, on the machine of the "
        "evaluation, so this is no time that a user waits",
        unit=Unit.MILLISECONDS,
        compute=lambda found: quantile(found.step_ms, 0.5) or 0.0,
        shown=(Place.TABLE,),
        higher_is_better=False,
    )
    latency_ms_p95: float = metric(
        "latency in a batch p95, ms",
        "95th percentile of the time of a turn from when its prompt is read",
        unit=Unit.MILLISECONDS,
        compute=lambda found: quantile(found.step_ms, 0.95) or 0.0,
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
        shown=(Place.TABLE, Place.TILE, Place.PLOT),
        higher_is_better=False,
    )
    cost_per_1k_tasks: float = metric(
        "cost of 1,000 tasks",
        "at the prices in the agent file: tokens of an endpoint, hours of a machine",
        unit=Unit.MONEY,
        compute=lambda found: 1000 * found.machine_hour_price * found.per_task(lambda turn: turn.busy_ms) / MS_PER_HOUR,
        shown=(Place.TABLE, Place.TILE),
        higher_is_better=False,
    )
    catalog_tokens_saved_per_turn: int
    busy_ms_per_task: float = 0.0
    prompt_tokens_per_task: float = 0.0
    new_tokens_per_task: float = 0.0
    """Usage of a whole rollout, from which `prices` computes costs."""
    fallback_prompt_tokens_per_task: float = 0.0
    fallback_new_tokens_per_task: float = 0.0
    """Usage of the endpoint behind the safety net; none of it is in the two above."""
    failures: dict[str, int]
    """Tasks by `FailedCondition`."""
    by_category: dict[str, Slice]
    by_tool: dict[str, Slice]
    task_outcomes: dict[str, bool]
    """Success by task, for paired tests."""
    step_scores: dict[str, float] = field(default_factory=dict)
    """Share of right steps by task, for paired tests of agents without rollouts. A step is right if it calls the right
    tools with the right effect (functional match), or rightly calls none."""
    failure_modes: dict[str, int] = field(default_factory=dict)
    """Tasks by `FailureMode`."""
    parse_faults: dict[str, int] = field(default_factory=dict)
    """Steps by `ParseFault`."""
    by_turn: dict[str, Slice] = field(default_factory=dict)
    """Slices by the number of the assistant turn in its task, from 1."""
    by_level: dict[str, Slice] = field(default_factory=dict)
    """Slices by level, the only ones with tasks of level `new_tool`; empty where no task has a level."""
    pass_rates: dict[str, Rate] = field(default_factory=dict)
    """pass^k by k, where tasks are repeated with seeds; that of 1 is pass@1."""
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    """Calls by expected tool and called tool."""
    n_probes: int = 0
    n_readings: int = 0
    """Answers of which a second reader has an opinion."""
    general_ability_by_kind: dict[str, Rate] = field(default_factory=dict)
    no_tool_by_kind: dict[str, Rate] = field(default_factory=dict)
    probe_outcomes: dict[str, bool] = field(default_factory=dict)
    """Right answers by question, for paired tests."""
    no_tool_outcomes: dict[str, bool] = field(default_factory=dict)
    """Whether it called nothing, by question that wants no call."""
    batch_rows: int = 1
    """The most turns that were decoded side by side: what the latencies in a batch were measured in."""
    n_single_requests: int = 0


def _any_fallback(found: Evidence) -> bool:
    """Whether the endpoint behind a safety net wrote any of the turns."""
    steps = (step.generation for step in found.steps)
    turns = (turn.generation for transcript, _ in found.rollouts for turn in transcript.turns)
    return any(fallback_answer(each) is not None for each in (*steps, *turns))


METRICS: dict[str, Metric] = {each.name: each.metadata[METRIC] for each in fields(ModelMetrics) if each.metadata}
"""Every declared metric by its name: the key in metrics.json."""


def metrics_in(place: Place) -> dict[str, Metric]:
    """The metrics shown in one place: rates first, then numbers, both as declared."""
    shown = [(name, each) for name, each in METRICS.items() if place in each.shown]
    return dict(sorted(shown, key=lambda entry: entry[1].unit is not Unit.SHARE))
