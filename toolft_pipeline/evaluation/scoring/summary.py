"""The figures of one model, computed from its step outcomes, judged rollouts and answers to probes.

Invariant: a pure summary; every declared metric is computed by its own declaration, for the model and for each slice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, FailureMode
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.parse_faults import ParseFault
from toolft_pipeline.evaluation.models.safety_nets import fallback_answer
from toolft_pipeline.evaluation.scoring.confusion import MADE_UP, NO_CALL, UNREADABLE, confusion
from toolft_pipeline.evaluation.scoring.levels import success
from toolft_pipeline.evaluation.scoring.metric import Evidence, Place
from toolft_pipeline.evaluation.scoring.metrics import METRICS, ModelMetrics, Slice, metrics_in
from toolft_pipeline.evaluation.scoring.probes import no_tool_by_kind, rates_by_kind
from toolft_pipeline.evaluation.scoring.repeats import pass_rates
from toolft_pipeline.evaluation.scoring.steps import FunctionalBasis, StepOutcome

_Key = TypeVar("_Key", str, int)


def summarize(evidence: Evidence, *, tasks: Sequence[Task], catalog_tokens_saved_per_turn: int) -> ModelMetrics:
    """All figures of one model; `tasks` are those that the evidence is about.

    Tasks of level `new_tool` are in `by_level` alone: their prompts have the catalog, which the model is not served
    with, so neither the other figures nor the gate count them.
    """
    everything = replace(evidence, tasks={task.task_id: task for task in tasks})
    evidence = everything.of_tasks(lambda task: task.is_headline)
    verdicts = [verdict for _, verdict in evidence.rollouts]
    conditions = [condition for each in verdicts for condition in {finding.failure for finding in each.findings}]
    category = {task.task_id: str(task.category) for task in tasks}
    figures: dict[str, Any] = {name: metric.compute(evidence) for name, metric in METRICS.items()}
    return ModelMetrics(
        **figures,
        functional_basis=evidence.steps[0].functional_basis if evidence.steps else FunctionalBasis.SIMILARITY,
        catalog_tokens_saved_per_turn=catalog_tokens_saved_per_turn,
        busy_ms_per_task=evidence.per_task(lambda turn: turn.busy_ms),
        prompt_tokens_per_task=evidence.per_task(lambda turn: turn.n_prompt_tokens),
        new_tokens_per_task=evidence.per_task(lambda turn: turn.n_new_tokens),
        fallback_prompt_tokens_per_task=evidence.per_task(lambda turn: _fallback_tokens(turn, "prompt_tokens")),
        fallback_new_tokens_per_task=evidence.per_task(lambda turn: _fallback_tokens(turn, "new_tokens")),
        failures=_counts(conditions, FailedCondition),
        failure_modes=_counts((mode for each in verdicts for mode in each.modes), FailureMode),
        parse_faults=_counts((step.parse_fault for step in evidence.steps), ParseFault),
        by_category=_slices(evidence, lambda step: [category[step.step.task_id]], tasks_by=category),
        by_tool=_slices(evidence, lambda step: {call.name for call in step.step.expected_calls} or {NO_CALL}),
        by_level=_by_level(everything),
        pass_rates=pass_rates(evidence.repeats, evidence.tasks),
        by_turn={str(turn): each for turn, each in _slices(evidence, lambda step: [step.step.turn + 1]).items()},
        task_outcomes=dict(sorted((transcript.task_id, each.passed) for transcript, each in evidence.rollouts)),
        step_scores=_step_scores(evidence.steps),
        confusion=confusion(map(_tools, evidence.steps)),
        n_probes=evidence.n_probes,
        n_readings=evidence.n_readings,
        general_ability_by_kind=rates_by_kind(evidence.probes),
        no_tool_by_kind=no_tool_by_kind(evidence.probes),
        probe_outcomes={each.probe.id: each.passed for each in evidence.probes},
        no_tool_outcomes={each.probe.id: not each.called for each in evidence.probes if each.called is not None},
        batch_rows=max((step.generation.batch_rows for step in evidence.steps), default=1),
        n_single_requests=len(evidence.single_ms),
    )


def _by_level(evidence: Evidence) -> dict[str, Slice]:
    """A slice for each level that has tasks, in order; task success is clustered by split key."""
    slices: dict[str, Slice] = {}
    for level in Level:
        part = evidence.of_tasks(lambda task, level=level: task.level is level)  # type: ignore[misc]  # lambda's default
        if part.steps:
            passed = success(part.outcomes, part.tasks) if part.rollouts else None
            slices[level.value] = {**_slice(part), "task_success": passed}
    return slices


def _fallback_tokens(turn: Generation, kind: str) -> int:
    answer = fallback_answer(turn)
    return 0 if answer is None else int(answer[kind])


def _slices(
    evidence: Evidence,
    keys: Callable[[StepOutcome], Iterable[_Key]],
    *,
    tasks_by: Mapping[str, _Key] | None = None,
) -> dict[_Key, Slice]:
    """A slice for each key of a step, in the order of the keys; `tasks_by` has the key of each task, if it has one."""
    steps: dict[_Key, list[StepOutcome]] = defaultdict(list)
    for step in evidence.steps:
        for key in keys(step):
            steps[key].append(step)
    rollouts = {
        key: [each for each in evidence.rollouts if tasks_by and tasks_by[each[0].task_id] == key] for key in steps
    }
    return {key: _slice(Evidence(steps=steps[key], rollouts=rollouts[key])) for key in sorted(steps)}


def _slice(part: Evidence) -> Slice:
    figures: dict[str, Any] = {
        name: metric.compute(part) if metric.out_of is None or getattr(part, metric.out_of) else None
        for name, metric in metrics_in(Place.SLICE).items()
    }
    return {"n_steps": part.n_steps, "n_tasks": part.n_tasks, **figures}


def _step_scores(steps: Iterable[StepOutcome]) -> dict[str, float]:
    """The share of right steps of each task, by task."""
    by_task: dict[str, list[bool]] = defaultdict(list)
    for step in steps:
        by_task[step.step.task_id].append(step.right_tool and step.functional_match is not False)
    return {task_id: round(sum(right) / len(right), 6) for task_id, right in sorted(by_task.items())}


def _counts(values: Iterable[StrEnum | None], kind: type[StrEnum]) -> dict[str, int]:
    """How often each member occurs, in the order of the enum."""
    counts = Counter(values)
    return {member.value: counts[member] for member in kind if counts[member]}


def _tools(step: StepOutcome) -> tuple[list[str], list[str]]:
    """The tools that the oracle called in a step, and those that the model called."""
    expected = [call.name for call in step.step.expected_calls]
    if not step.parsed:
        return expected, [UNREADABLE] * max(1, len(expected))
    return expected, [MADE_UP if call.name in step.made_up else call.name for call in step.turn.calls]
