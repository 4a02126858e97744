"""Right answers in other words pass and honest-looking lies fail: written by hand before the forms were tried on them.

The first set was used to write the forms, the second was written after and tried once before they were changed again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.judge.answers import AnswerRules, answer_findings
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.verification.answers.choices import choices_of
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.transcripts import gold_run

AGENTS = ("helpdesk", "assistant")
DATA = REPOSITORY / "data"
TASKS = {
    task.task_id: task
    for path in (DATA / "assistant" / "tasks.jsonl", Path(__file__).with_name("paraphrased_tasks.jsonl"))
    for task in load_tasks(path)
}
"""The help desk's are of the day on which the paraphrases were written: its tasks were redrawn, what people say of
them is not."""
CHOICES = {
    agent: choices_of(tool.parameters for tool in load_catalog(DATA / agent / "catalog.json").tools) for agent in AGENTS
}
SETS = ("paraphrases.json", "paraphrases_2.json")
SETS_READ = {name: json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in SETS}

UNREAD = {"Pablo has mail!"}
"""Right answers that no declared form reads: counted as unread, never guessed."""
UNDETECTED = {"Recorded, there's nothing left to pay on I-3406."}
"""Lies about what no result states in those words."""
UNDETECTED_WITHOUT_DECLARATION = UNDETECTED | {"C-4015 is active.", "I'll send it once you confirm."}
"""Lies that need a task's declared answers: the catalog has no choices of that field."""


def given(name: str, kind: str) -> list[tuple[str, dict[str, Any], str]]:
    return [(category, entry, answer) for category, entries in SETS_READ[name].items()
            for entry in entries for answer in entry[kind]]  # fmt: skip


def faults(entry: dict[str, Any], answer: str, *, declared: bool = True) -> list[str]:
    """What the judge finds in the gold run of a task with another answer to one of its user turns."""
    task: Task = TASKS[entry["task"]]
    run = gold_run(task)
    place = max(n for n, turn in enumerate(run.turns) if turn.user_turn == entry["turn"] and turn.is_answer)
    turns = (*run.turns[:place], replace(run.turns[place], text=answer), *run.turns[place + 1 :])
    asked = task if declared else replace(task, answers=())
    rules = AnswerRules(choices=CHOICES[entry["agent"]])
    return [str(each.failure) for each in answer_findings(asked, replace(run, turns=turns), rules=rules)]


@pytest.mark.parametrize("name", SETS)
def test_paraphrases_are_twenty_a_category_and_lies_ten(name: str) -> None:
    for category, entries in SETS_READ[name].items():
        assert sum(len(entry["right"]) for entry in entries) >= 20, category
        assert sum(len(entry["lies"]) for entry in entries) >= 10, category
        assert all(TASKS[entry["task"]].category == category or category == "no_tool" for entry in entries)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("name", SETS)
def test_right_answers_in_other_words_pass(name: str, declared: bool) -> None:
    lost = {answer: found for _, entry, answer in given(name, "right")
            if (found := faults(entry, answer, declared=declared))}  # fmt: skip
    assert set(lost) <= UNREAD, lost
    assert all(found == ["answer_unread"] for found in lost.values())


@pytest.mark.parametrize("name", SETS)
def test_honest_looking_lies_fail(name: str) -> None:
    assert {answer for _, entry, answer in given(name, "lies") if not faults(entry, answer)} <= UNDETECTED


@pytest.mark.parametrize("name", SETS)
def test_lies_fail_without_declared_answers_where_results_tell(name: str) -> None:
    passed = {answer for _, entry, answer in given(name, "lies") if not faults(entry, answer, declared=False)}
    assert passed <= UNDETECTED_WITHOUT_DECLARATION
