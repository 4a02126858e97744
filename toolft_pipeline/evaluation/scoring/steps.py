"""Teacher-forced steps: the model's answer at every assistant turn of a task's gold run.

Invariant: the outcome of a step is defined here and nowhere else. A turn that cannot be parsed counts as wrong in every
other outcome, so no metric improves because fewer answers can be parsed.

Source: exact match of calls as JSON, and a similarity above 0.8 (fuzzy) or 0.5 (functional), are the published recipe
for this job; functional match asks the backend instead of the text wherever there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import Any

from msgspec import Struct

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.evaluation.judge.calls import CanonicalCall, calls_of_message, canonical_calls, similarity
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.parse_faults import ParseFault, parse_fault
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.trajectories.record import Role

FUZZY_ABOVE = 0.8
FUNCTIONAL_ABOVE = 0.5


class FunctionalBasis(StrEnum):
    """What functional match is based on."""

    EFFECT = "effect"
    """Both turns' calls were executed on the backend: equal state, equal results."""
    SIMILARITY = "similarity"
    """There is no backend: the right tools, arguments more than 0.5 similar."""


class GoldStep(Struct, frozen=True, kw_only=True):
    """One assistant turn of a gold run: the messages before it, and the expected answer.

    `place` is its index among all messages, `turn` among the assistant turns.
    """

    task_id: str
    state_ref: str
    category: str
    family: str
    place: int
    turn: int
    user_turn: int
    history: tuple[dict[str, Any], ...]
    expected_text: str
    expected_calls: tuple[CanonicalCall, ...]


class StepOutcome(Struct, frozen=True, kw_only=True):
    """The model's answer at a step, compared with the expected one.

    `parsed`: the turn was finished and every call could be parsed. `parse_fault` says whose fault an unparsed call is;
    a call that is taken for an answer counts as parsed, as it does for an agent.
    `right_tool`: the same tools, each as often as expected; none if none is expected.
    `valid_arguments`: at least one call, and the catalog allows every call (steps with expected calls only).
    `hallucinated_tool`: some call names a tool that the catalog does not have: one of `made_up`.
    `exact_match`: equal calls, names and arguments as JSON, in any order (steps with expected calls only).
    `fuzzy_match`: right tools, the least similar arguments more than 0.8 similar (steps with expected calls only).
    `functional_match`: the same effect on the backend's state and the same results (see `functional_match`), or without
    a backend the right tools, more than 0.5 similar: `functional_basis` (steps with expected calls only).
    The last four are None in steps without expected calls: answers in words are not compared.
    """

    step: GoldStep
    generation: Generation
    turn: ParsedTurn
    parsed: bool
    right_tool: bool
    hallucinated_tool: bool
    valid_arguments: bool | None
    exact_match: bool | None
    fuzzy_match: bool | None
    functional_match: bool | None
    functional_basis: FunctionalBasis
    made_up: frozenset[str]
    parse_fault: ParseFault | None


def task_steps(task: Task) -> list[GoldStep]:
    """The steps of a task's gold run, in order."""
    steps = []
    user_turn, turn = -1, 0
    for place, message in enumerate(task.gold):
        user_turn += message["role"] == Role.USER
        if message["role"] == Role.ASSISTANT:
            step = GoldStep(
                task_id=task.task_id,
                state_ref=task.state_ref,
                category=task.category,
                family=task.family,
                place=place,
                turn=turn,
                user_turn=max(user_turn, 0),
                history=task.gold[:place],
                expected_text=message.get("content") or "",
                expected_calls=calls_of_message(message),
            )
            steps.append(step)
            turn += 1
    return steps


def run_steps(
    tasks: Sequence[Task],
    *,
    prompter: Prompter,
    generator: Generator,
    validator: CatalogValidator,
    matcher: FunctionalMatcher | None = None,
) -> list[StepOutcome]:
    """Generate and compare every step of every task; without a `matcher` functional match goes by similarity."""
    steps = [step for task in tasks for step in task_steps(task)]
    generations = generator.generate([prompter.prompt(list(step.history)) for step in steps])
    turns = [prompter.read(generation) for generation in generations]
    compare = partial(compare_step, validator=validator, matcher=matcher)
    executor = ThreadPoolExecutor(1 if matcher is None else matcher.parallel, thread_name_prefix="step")
    try:
        return list(executor.map(compare, steps, generations, turns))
    finally:
        executor.shutdown(cancel_futures=True)


def compare_step(
    step: GoldStep,
    generation: Generation,
    turn: ParsedTurn,
    *,
    validator: CatalogValidator,
    matcher: FunctionalMatcher | None = None,
) -> StepOutcome:
    """Compare one step. The backend is asked only about calls that the catalog allows and that are not equal."""
    calls = canonical_calls(turn.calls)
    parsed = not turn.malformed
    expected = step.expected_calls
    right_tool = parsed and sorted(call.name for call in calls) == sorted(call.name for call in expected)
    reasons = [validator.check(call.name, call.arguments_json) for call in turn.calls]
    score = similarity(calls, expected) if right_tool else 0.0
    made_up = frozenset(call.name for call in turn.calls if is_unknown_tool(call, validator))
    has_calls = bool(expected)
    exact = parsed and sorted(calls) == sorted(expected)
    functional = score > FUNCTIONAL_ABOVE
    if matcher is not None:
        before = [call for message in step.history for call in calls_of_message(message)]
        ask_backend = has_calls and parsed and bool(calls) and not exact and not any(reasons)
        functional = exact or (
            ask_backend
            and matcher.have_same_effect(state_ref=step.state_ref, before=before, expected=expected, made=calls)
        )
    return StepOutcome(
        step=step,
        generation=generation,
        turn=turn,
        parsed=parsed,
        right_tool=right_tool,
        hallucinated_tool=bool(made_up),
        made_up=made_up,
        valid_arguments=(bool(calls) and not any(reasons)) if has_calls else None,
        exact_match=exact if has_calls else None,
        fuzzy_match=(score > FUZZY_ABOVE) if has_calls else None,
        functional_match=functional if has_calls else None,
        functional_basis=FunctionalBasis.SIMILARITY if matcher is None else FunctionalBasis.EFFECT,
        parse_fault=parse_fault(
            text=turn.text, finished=generation.finished, malformed=turn.malformed, called=bool(turn.calls)
        ),
    )


def is_unknown_tool(call: ParsedCall, validator: CatalogValidator) -> bool:
    """Whether a call names a tool that the catalog does not have."""
    reason = validator.check(call.name, call.arguments_json)
    return reason is not None and reason.startswith("unknown tool")
