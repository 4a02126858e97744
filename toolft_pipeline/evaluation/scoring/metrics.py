"""The figures of one model: rates with intervals, times, tokens, cost, and slices.

Invariant: a pure summary of step outcomes and judged rollouts. Steps of one task are not independent, so their
Wilson intervals are a little narrow; tasks are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.parse_faults import ParseFault
from toolft_pipeline.evaluation.scoring.confusion import MADE_UP, NO_CALL, UNREADABLE, confusion
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.evaluation.scoring.probes import ProbeOutcome, rates_by_kind
from toolft_pipeline.evaluation.scoring.rollout_verdict import FailedCondition, FailureMode, RolloutVerdict
from toolft_pipeline.evaluation.scoring.steps import FunctionalBasis, StepOutcome
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import Transcript

STEP_METRICS: dict[str, Callable[[StepOutcome], bool | None]] = {
    "parse_rate": lambda outcome: outcome.parsed,
    "right_tool": lambda outcome: outcome.right_tool,
    "valid_arguments": lambda outcome: outcome.valid_arguments,
    "hallucinated_tool": lambda outcome: outcome.hallucinated_tool,
    "exact_match": lambda outcome: outcome.exact_match,
    "fuzzy_match": lambda outcome: outcome.fuzzy_match,
    "functional_match": lambda outcome: outcome.functional_match,
}
"""Rates over steps by name; a None is outside the rate (see `StepOutcome`)."""


class Slice(Struct, frozen=True, kw_only=True):
    """Rates of a part of the steps or tasks; rates over nothing are None."""

    n_steps: int
    right_tool: Rate | None
    exact_match: Rate | None
    n_tasks: int = 0
    task_success: Rate | None = None
    functional_match: Rate | None = None


class ModelMetrics(Struct, frozen=True, kw_only=True):
    """One model's figures. Times in milliseconds, cost in the currency of its prices (see `prices`).

    `n_call_steps` is what valid_arguments, exact, fuzzy and functional match are rates of. `tokens_per_turn` counts
    prompt and answer of a step; the figures per task are of whole rollouts. `task_outcomes` has each task's
    success, for paired tests.

    Counted by name: `failures` and `failure_modes` over tasks, `parse_faults` over steps. `by_turn` slices the steps
    by the number of their assistant turn, from 1. `confusion` counts calls by expected tool and called tool.
    `general_ability` is the share of right answers to the questions of `probes`, None where none were asked.
    """

    n_steps: int
    n_call_steps: int
    n_tasks: int
    parse_rate: Rate
    right_tool: Rate
    valid_arguments: Rate
    hallucinated_tool: Rate
    exact_match: Rate
    fuzzy_match: Rate
    functional_match: Rate
    functional_basis: str
    task_success: Rate
    latency_ms_p50: float
    latency_ms_p95: float
    tokens_per_turn: float
    cost_per_1k_tasks: float
    catalog_tokens_saved_per_turn: int
    busy_ms_per_task: float = 0.0
    prompt_tokens_per_task: float = 0.0
    new_tokens_per_task: float = 0.0
    failures: dict[str, int]
    by_category: dict[str, Slice]
    by_tool: dict[str, Slice]
    task_outcomes: dict[str, bool]
    failure_modes: dict[str, int] = {}
    parse_faults: dict[str, int] = {}
    by_turn: dict[str, Slice] = {}
    confusion: dict[str, dict[str, int]] = {}
    n_probes: int = 0
    general_ability: Rate | None = None
    general_ability_by_kind: dict[str, Rate] = {}


def summarize(
    *,
    tasks: Sequence[Task],
    steps: Sequence[StepOutcome],
    rollouts: Sequence[tuple[Transcript, RolloutVerdict]],
    probes: Sequence[ProbeOutcome] = (),
    machine_hour_price: float,
    catalog_tokens_saved_per_turn: int,
) -> ModelMetrics:
    """Everything that is said of one model."""
    passed = {transcript.task_id: judgement.passed for transcript, judgement in rollouts}
    generations = [step.generation for step in steps]
    latencies = sorted(generation.latency_ms for generation in generations)
    busy_ms = sum(turn.generation.busy_ms for transcript, _ in rollouts for turn in transcript.turns)
    kinds = [kind for _, judgement in rollouts for kind in {finding.failure for finding in judgement.findings}]
    modes = [mode for _, judgement in rollouts for mode in judgement.modes]
    faults = [step.parse_fault for step in steps]
    rates = {name: _rate(map(metric, steps)) for name, metric in STEP_METRICS.items()}
    return ModelMetrics(
        n_steps=len(steps),
        n_call_steps=sum(step.exact_match is not None for step in steps),
        n_tasks=len(rollouts),
        **rates,
        functional_basis=steps[0].functional_basis if steps else FunctionalBasis.SIMILARITY,
        task_success=_rate(passed.values()),
        latency_ms_p50=_quantile(latencies, 0.5),
        latency_ms_p95=_quantile(latencies, 0.95),
        tokens_per_turn=_mean(generations),
        cost_per_1k_tasks=1000 * machine_hour_price * busy_ms / 3_600_000 / len(rollouts) if rollouts else 0.0,
        catalog_tokens_saved_per_turn=catalog_tokens_saved_per_turn,
        busy_ms_per_task=_per_task(rollouts, lambda generation: generation.busy_ms),
        prompt_tokens_per_task=_per_task(rollouts, lambda generation: generation.n_prompt_tokens),
        new_tokens_per_task=_per_task(rollouts, lambda generation: generation.n_new_tokens),
        failures={kind.value: kinds.count(kind) for kind in FailedCondition if kind in kinds},
        by_category=_by_category(tasks, steps, passed),
        by_tool=_by_tool(steps),
        task_outcomes=dict(sorted(passed.items())),
        failure_modes={mode.value: modes.count(mode) for mode in FailureMode if mode in modes},
        parse_faults={fault.value: faults.count(fault) for fault in ParseFault if fault in faults},
        by_turn=_by_turn(steps),
        confusion=confusion(map(_tools, steps)),
        n_probes=len(probes),
        general_ability=_rate([probe.passed for probe in probes]) if probes else None,
        general_ability_by_kind=rates_by_kind(probes),
    )


def _by_category(tasks: Sequence[Task], steps: Sequence[StepOutcome], passed: Mapping[str, bool]) -> dict[str, Slice]:
    category = {task.task_id: str(task.category) for task in tasks}
    grouped: dict[str, list[StepOutcome]] = defaultdict(list)
    for step in steps:
        grouped[category[step.step.task_id]].append(step)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for task_id, success in passed.items():
        outcomes[category[task_id]].append(success)
    return {name: _slice(grouped[name], outcomes[name]) for name in sorted(grouped)}


def _by_tool(steps: Sequence[StepOutcome]) -> dict[str, Slice]:
    grouped: dict[str, list[StepOutcome]] = defaultdict(list)
    for step in steps:
        for name in {call.name for call in step.step.expected_calls} or {NO_CALL}:
            grouped[name].append(step)
    return {name: _slice(grouped[name], []) for name in sorted(grouped)}


def _by_turn(steps: Sequence[StepOutcome]) -> dict[str, Slice]:
    grouped: dict[int, list[StepOutcome]] = defaultdict(list)
    for step in steps:
        grouped[step.step.turn + 1].append(step)
    return {str(number): _slice(grouped[number], []) for number in sorted(grouped)}


def _tools(step: StepOutcome) -> tuple[list[str], list[str]]:
    """The tools that the oracle called in a step, and those that the model called."""
    expected = [call.name for call in step.step.expected_calls]
    if not step.parsed:
        return expected, [UNREADABLE] * max(1, len(expected))
    return expected, [MADE_UP if call.name in step.made_up else call.name for call in step.turn.calls]


def _slice(steps: Sequence[StepOutcome], successes: Sequence[bool]) -> Slice:
    exact = [step.exact_match for step in steps if step.exact_match is not None]
    functional = [step.functional_match for step in steps if step.functional_match is not None]
    return Slice(
        n_steps=len(steps),
        right_tool=_rate([step.right_tool for step in steps]) if steps else None,
        exact_match=_rate(exact) if exact else None,
        n_tasks=len(successes),
        task_success=_rate(successes) if successes else None,
        functional_match=_rate(functional) if functional else None,
    )


def _rate(outcomes: Iterable[bool | None]) -> Rate:
    counted = [outcome for outcome in outcomes if outcome is not None]
    return wilson(sum(counted), len(counted))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _per_task(rollouts: Sequence[tuple[Transcript, RolloutVerdict]], figure: Callable[[Generation], float]) -> float:
    total = sum(figure(turn.generation) for transcript, _ in rollouts for turn in transcript.turns)
    return total / len(rollouts) if rollouts else 0.0


def _mean(generations: Sequence[Generation]) -> float:
    tokens = sum(generation.n_prompt_tokens + generation.n_new_tokens for generation in generations)
    return tokens / len(generations) if generations else 0.0


def encode_metrics(metrics: object) -> bytes:
    """Metrics as readable JSON, keys in declared order."""
    return msgspec.json.format(msgspec.json.encode(metrics), indent=1) + b"\n"
