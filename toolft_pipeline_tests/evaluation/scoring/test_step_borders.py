"""A step at the borders of its definitions: one call of several, and similarities exactly at a threshold."""

from __future__ import annotations

from difflib import SequenceMatcher

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


def compared(category: str, text: str) -> StepOutcome:
    task = next(task for task in TASKS if task.category == category)
    generation = Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0, finished=True)
    turn = read_turn(generation, get_format("gemma3"))
    return compare_step(task_steps(task)[0], generation, turn, validator=VALIDATOR)


@pytest.mark.parametrize("place", [0, 1])
def test_step_is_valid_only_if_every_call_is(place: int) -> None:
    task = next(task for task in TASKS if task.category == "parallel_calls")
    wanted = [call(planned.name, **planned.arguments) for planned in task.plan]
    assert compared("parallel_calls", "\n".join(wanted)).valid_arguments
    wanted[place] = call(task.plan[place].name, no_such_parameter=1)
    assert not compared("parallel_calls", "\n".join(wanted)).valid_arguments


@pytest.mark.parametrize(("added", "fuzzy"), [(11, True), (12, False), (13, False)])
def test_step_exactly_at_the_border_is_no_fuzzy_match(added: int, fuzzy: bool) -> None:
    """The definition says more than 0.8 similar."""
    wanted, made = ('{"expression":"63 + 79' + "x" * more + '"}' for more in (0, added))
    ratio = SequenceMatcher(None, made, wanted, autojunk=False).ratio()
    assert (ratio > 0.8, ratio == 0.8) == (fuzzy, added == 12)
    assert compared("single_call", call("calculate", expression="63 + 79" + "x" * added)).fuzzy_match is fuzzy
