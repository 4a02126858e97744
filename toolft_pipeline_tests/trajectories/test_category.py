from __future__ import annotations

import json

import pytest

from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.trajectories.category import Category, categorize, tools_used
from toolft_pipeline.trajectories.record import Message, Source, Trajectory
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, user

ASK = user("What is in stock?")
ONE = calls(("a", "stock", {"sku": 1}))
GOOD = result("a", "stock", '{"n":1}')
BAD = result("a", "stock", "Error: no such sku")
ANSWER = says("There it is.")


@pytest.mark.parametrize(
    ("messages", "category"),
    [
        ((ASK, ANSWER), Category.NO_TOOL),
        ((ASK, ONE, GOOD, ANSWER), Category.SINGLE_CALL),
        ((ASK, ONE, GOOD, ONE, GOOD, ANSWER), Category.MULTI_STEP),
        ((ASK, ONE, GOOD, ANSWER, ASK, ONE, GOOD, ANSWER), Category.MULTI_STEP),
        (
            (ASK, calls(("a", "stock", {}), ("b", "price", {})), GOOD, result("b", "price", "{}"), ANSWER),
            Category.PARALLEL_CALLS,
        ),
        ((ASK, ONE, BAD, ONE, GOOD, ANSWER), Category.ERROR_THEN_RETRY),
        ((ASK, ONE, BAD, ANSWER), Category.ERROR_THEN_EXPLAIN),
        ((ASK, ONE, BAD, ONE, BAD, ANSWER), Category.ERROR_THEN_EXPLAIN),
    ],
)
def test_category_of_each_shape_of_run_is_read_off_its_messages(
    messages: tuple[Message, ...], category: Category
) -> None:
    assert categorize(messages) is category


def test_category_goes_by_the_agents_own_forms_of_errors_too() -> None:
    for failed, forms in (
        (result("a", "stock", '{"error": "no such sku"}'), ()),
        (result("a", "stock", "GONE"), ("GONE",)),
    ):
        assert categorize((ASK, ONE, failed, ANSWER), error_forms=forms) is Category.ERROR_THEN_EXPLAIN
        assert categorize((ASK, ONE, failed, ONE, GOOD, ANSWER), error_forms=forms) is Category.ERROR_THEN_RETRY


def test_category_result_that_quotes_an_error_is_no_error() -> None:
    quoted = result("a", "stock", '{"last_log": "Error: disk full"}')
    assert categorize((ASK, ONE, quoted, ANSWER)) is Category.SINGLE_CALL


def test_category_of_an_oracle_run_is_that_of_its_task() -> None:
    for task in load_tasks(REPOSITORY / "data" / "assistant" / "tasks.jsonl"):
        line = json.dumps({"messages": task.gold}).encode()
        run = read_openai_line(line, agent="a", source=Source(file="f", line=1, offset=0, format="openai"))
        assert isinstance(run, Trajectory)
        assert categorize(run.messages) is task.category, task.task_id


def test_tools_used_names_each_tool_once_and_sorted() -> None:
    messages = (ASK, calls(("a", "price", {}), ("b", "add", {})), calls(("c", "price", {})))
    assert tools_used(messages) == ["add", "price"]
