"""Teacher-forced steps: at every assistant turn of a task's gold run, what would the model have said?

Invariant: every metric of a step is defined here and nowhere else. A turn that cannot be parsed counts as wrong in
every other metric, so no figure improves because a model writes less that can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.evaluation.calls import Call, calls_of, calls_of_message, similarity
from toolft_pipeline.evaluation.generation import Generation, Generator
from toolft_pipeline.evaluation.prompting import Prompter
from toolft_pipeline.evaluation.task import Task
from toolft_pipeline.trajectories.record import Role

FUZZY_ABOVE = 0.8
FUNCTIONAL_ABOVE = 0.5
FUNCTIONAL_BASIS = "similarity"
"""What functional match rests on: arguments alike above 0.5, not yet the effect on the backend's state."""


class Step(Struct, frozen=True, kw_only=True):
    """One assistant turn of a gold run: the messages before it, and what the oracle said."""

    task_id: str
    category: str
    family: str
    place: int
    user_turn: int
    history: tuple[dict[str, Any], ...]
    expected_text: str
    expected_calls: tuple[Call, ...]


class StepOutcome(Struct, frozen=True, kw_only=True):
    """What the model said there, and how it compares.

    `parsed`: an end of turn was written and every call could be read.
    `right_tool`: the same tools as often as the oracle called them; none where the oracle called none.
    `valid_arguments`: at least one call, and the catalog allows every call (steps with expected calls only).
    `hallucinated_tool`: some call names a tool that the catalog has not.
    `exact_match`: equal calls, names and arguments as JSON, in any order (steps with expected calls only).
    `fuzzy_match`: right tools, the least alike arguments more than 0.8 alike (steps with expected calls only).
    `functional_match`: right tools, more than 0.5 alike: `FUNCTIONAL_BASIS` (steps with expected calls only).
    The last kind is None in steps whose oracle calls nothing: what is said there in words is not compared.
    """

    step: Step
    generation: Generation
    turn: ParsedTurn
    parsed: bool
    right_tool: bool
    hallucinated_tool: bool
    valid_arguments: bool | None
    exact_match: bool | None
    fuzzy_match: bool | None
    functional_match: bool | None


def task_steps(task: Task) -> list[Step]:
    """The steps of a task's gold run, in order."""
    steps = []
    user_turn = -1
    for place, message in enumerate(task.gold):
        user_turn += message["role"] == Role.USER
        if message["role"] == Role.ASSISTANT:
            step = Step(
                task_id=task.task_id,
                category=task.category,
                family=task.family,
                place=place,
                user_turn=max(user_turn, 0),
                history=task.gold[:place],
                expected_text=message.get("content") or "",
                expected_calls=calls_of_message(message),
            )
            steps.append(step)
    return steps


def run_steps(
    tasks: Sequence[Task], *, prompter: Prompter, generator: Generator, validator: CatalogValidator
) -> list[StepOutcome]:
    """Every step of every task, generated in one go and compared."""
    steps = [step for task in tasks for step in task_steps(task)]
    generations = generator.generate([prompter.prompt(list(step.history)) for step in steps])
    return [
        compare(step, generation, prompter.read(generation), validator=validator)
        for step, generation in zip(steps, generations, strict=True)
    ]


def compare(step: Step, generation: Generation, turn: ParsedTurn, *, validator: CatalogValidator) -> StepOutcome:
    """One step's metrics."""
    calls = calls_of(turn.calls)
    parsed = not turn.malformed
    expected = step.expected_calls
    right_tool = parsed and sorted(call.name for call in calls) == sorted(call.name for call in expected)
    reasons = [validator.check(call.name, call.arguments_json) for call in turn.calls]
    alike = similarity(calls, expected) if right_tool else 0.0
    acts = bool(expected)
    return StepOutcome(
        step=step,
        generation=generation,
        turn=turn,
        parsed=parsed,
        right_tool=right_tool,
        hallucinated_tool=any(is_unknown(call, validator) for call in turn.calls),
        valid_arguments=(bool(calls) and not any(reasons)) if acts else None,
        exact_match=(parsed and sorted(calls) == sorted(expected)) if acts else None,
        fuzzy_match=(alike > FUZZY_ABOVE) if acts else None,
        functional_match=(alike > FUNCTIONAL_ABOVE) if acts else None,
    )


def is_unknown(call: ParsedCall, validator: CatalogValidator) -> bool:
    """Whether a call names a tool that the catalog has not."""
    reason = validator.check(call.name, call.arguments_json)
    return reason is not None and reason.startswith("unknown tool")
