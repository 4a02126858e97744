from __future__ import annotations

import pytest

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.evaluation.scoring.steps import StepOutcome, compare_step, task_steps
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import call

TASKS = load_tasks(REPOSITORY / "data" / "assistant" / "tasks.jsonl")
VALIDATOR = CatalogValidator(load_catalog(REPOSITORY / "data" / "assistant" / "catalog.json"))


def _compare(category: str, place: int, text: str, *, finished: bool = True) -> StepOutcome:
    task = next(task for task in TASKS if task.category == category)
    generation = Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0, finished=finished)
    return compare_step(
        task_steps(task)[place], generation, read_turn(generation, get_format("gemma3")), validator=VALIDATOR
    )


def _facts(outcome: StepOutcome) -> tuple[bool | None, ...]:
    """parsed, right tool, valid, made-up, exact, fuzzy, functional."""
    return (
        outcome.parsed, outcome.right_tool, outcome.valid_arguments, outcome.hallucinated_tool,
        outcome.exact_match, outcome.fuzzy_match, outcome.functional_match,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (call("calculate", expression="63 + 79"), (True, True, True, False, True, True, True)),
        ("Let me see.\n" + call("calculate", expression="63 + 79"), (True, True, True, False, True, True, True)),
        (call("calculate", expression="63 + 78"), (True, True, True, False, False, True, True)),
        (call("calculate", expression="8 * 8 - 11"), (True, True, True, False, False, False, True)),
        (call("calculate", formula="63 + 79"), (True, True, False, False, False, False, True)),
        (call("search", query="63 + 79", kind="notes"), (True, False, True, False, False, False, False)),
        (call("compute", expression="63 + 79"), (True, False, False, True, False, False, False)),
        (call("calculate", expression="63 + 79") * 2, (True, False, True, False, False, False, False)),
        ("It is 142.", (True, False, False, False, False, False, False)),
        ('<tool_call>{"name": "calculate", "argum', (False, False, False, False, False, False, False)),
    ],
)
def test_step_with_a_call_counts_each_metric_by_its_definition(text: str, facts: tuple[bool, ...]) -> None:
    assert _facts(_compare("single_call", 0, text)) == facts


def test_step_cut_by_the_token_limit_is_not_parsed() -> None:
    outcome = _compare("single_call", 0, call("calculate", expression="63 + 79"), finished=False)
    assert _facts(outcome)[:2] == (False, False)


def test_step_without_calls_rewards_calling_none_and_compares_no_words() -> None:
    assert _facts(_compare("no_tool", 0, "Whatever it is.")) == (True, True, None, False, None, None, None)
    called = _compare("no_tool", 0, call("calculate", expression="1"))
    assert _facts(called) == (True, False, None, False, None, None, None)


def test_step_parallel_calls_match_in_any_order() -> None:
    task = next(task for task in TASKS if task.category == "parallel_calls")
    expected = [call(planned.name, **planned.arguments) for planned in task.plan]
    assert _compare("parallel_calls", 0, "\n".join(reversed(expected))).exact_match
    assert not _compare("parallel_calls", 0, expected[0]).right_tool


def test_task_steps_are_the_assistant_turns_with_the_history_before_each() -> None:
    task = next(task for task in TASKS if task.category == "multi_step")
    steps = task_steps(task)
    assert [step.place for step in steps] == [n for n, m in enumerate(task.gold) if m["role"] == "assistant"]
    assert all(len(step.history) == step.place for step in steps)
    assert [bool(step.expected_calls) for step in steps] == [True, True, False]
