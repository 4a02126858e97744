"""Cards of the report page: one model on one task, what happened beside what was expected.

Invariant: a card holds everything that the filters use, so the page only has to hide cards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolft_pipeline.evaluation.judge.calls import calls_of_message
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.report.report_content import EvaluatedModel
from toolft_pipeline.evaluation.scoring.confusion import NO_CALL
from toolft_pipeline.evaluation.scoring.tables import CallRow, RolloutRow, StepRow
from toolft_pipeline.trajectories.record import Role


@dataclass(frozen=True, kw_only=True)
class ShownTurn:
    """One message of a conversation: speaker, text, calls, and whether something is wrong with it."""

    speaker: str
    text: str
    calls: tuple[str, ...] = ()
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskCard:
    """One model on one task: what happened beside what was expected, and each step on its own.

    `tools` are those in the plan or called by the model, `failures` those of the rollout and its steps; the page
    filters by both.
    """

    model: str
    task_id: str
    category: str
    family: str
    request: str
    tools: tuple[str, ...]
    passed: bool
    failures: tuple[str, ...]
    modes: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]
    happened: tuple[ShownTurn, ...]
    expected: tuple[ShownTurn, ...]
    steps: tuple[tuple[StepRow, bool], ...]

    @property
    def tools_json(self) -> str:
        """As JSON, for the page's filter."""
        return json.dumps(self.tools)

    @property
    def chips(self) -> tuple[str, ...]:
        """Why it failed, in a word or two: failure modes, else failed conditions, else failures of its steps."""
        conditions = tuple(dict.fromkeys(failure for failure, _ in self.findings))
        return self.modes or conditions or (() if self.happened else self.failures)

    @property
    def failures_json(self) -> str:
        """As JSON, for the page's filter."""
        return json.dumps(self.failures)


def cards_of(each: EvaluatedModel, tasks: Sequence[Task]) -> Iterator[TaskCard]:
    """A card for each task that the model was asked, in the order of the tasks."""
    rollouts = {rollout.task_id: rollout for rollout in each.rollouts}
    for task in tasks:
        steps = tuple(
            (step, step.right_tool and step.exact_match is not False)
            for step in each.steps
            if step.task_id == task.task_id
        )
        rollout = rollouts.get(task.task_id)
        if not steps and rollout is None:
            continue
        modes = () if rollout is None else rollout.modes
        failing = [f"mode: {mode}" for mode in modes]
        failing += [] if rollout is None else [finding.failure for finding in rollout.findings]
        failing += [f"step: {failure}" for step, _ in steps for failure in step_failures(step)]
        made = [call.name for turn in (rollout.turns if rollout is not None else ()) for call in turn.calls]
        made += [call.name for step, _ in steps for call in step.calls]
        planned = {call.name for call in task.plan}
        findings = () if rollout is None else tuple((each.failure, each.detail) for each in rollout.findings)
        yield TaskCard(
            model=each.name,
            task_id=task.task_id,
            category=str(task.category),
            family=task.family,
            request=task.user_turns[0],
            tools=tuple(sorted({*planned, *made, *(() if planned else (NO_CALL,))})),
            passed=rollout.passed if rollout is not None else all(good for _, good in steps),
            failures=tuple(dict.fromkeys(failing)),
            modes=modes,
            findings=findings,
            happened=() if rollout is None else tuple(_happened(task, rollout)),
            expected=tuple(_expected(task)),
            steps=steps,
        )


def _happened(task: Task, rollout: RolloutRow) -> Iterator[ShownTurn]:
    shown = -1
    for turn in rollout.turns:
        if turn.user_turn > shown:
            shown = turn.user_turn
            yield ShownTurn(speaker="user", text=task.user_turns[shown])
        bad = bool(turn.malformed)
        yield ShownTurn(speaker="assistant", text=turn.text, calls=tuple(map(_call_text, turn.calls)), bad=bad)
        for call in turn.calls:
            yield ShownTurn(speaker="tool", text=call.result, bad=call.is_error)


def _expected(task: Task) -> Iterator[ShownTurn]:
    for message in task.gold:
        if message["role"] == Role.SYSTEM:
            continue
        text = message.get("content") or ""
        calls = tuple(f"{call.name}({call.arguments})" for call in calls_of_message(message))
        failed = message["role"] == Role.TOOL and text.startswith("Error: ")
        yield ShownTurn(speaker=message["role"], text=text, calls=calls, bad=failed)


def _call_text(call: CallRow) -> str:
    return f"{call.name}({call.arguments_json})" + (f"  ✗ {call.reason}" if call.reason else "")


def step_failures(step: StepRow) -> list[str]:
    """The metrics that a step fails, by name."""
    failed = {
        "parse": not step.parsed,
        "right_tool": not step.right_tool,
        "valid_arguments": step.valid_arguments is False,
        "hallucinated_tool": step.hallucinated_tool,
        "exact_match": step.exact_match is False,
    }
    return [name for name, is_failed in failed.items() if is_failed]
