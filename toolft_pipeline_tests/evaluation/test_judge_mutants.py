"""The judge against spoilt gold runs whose meaning the desk itself decides: a thin slice of benchmarks.judge."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from helpdesk.desk import Desk

from benchmarks.answer_mutants import CHANGING, NEUTRAL
from benchmarks.judge import DATA, KINDS, Tally, gold_row, measure, measure_answers
from benchmarks.judge_labels import Change, changes
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline_tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return load_tasks(DATA / "tasks.jsonl")


@pytest.fixture(scope="module")
def measured(tasks: list[Task]) -> tuple[int, dict[str, Tally]]:
    return measure(tasks[::8], settings=load_agent(DATA / AGENT_FILE))


def test_judge_passes_every_gold_run_of_the_slice(measured: tuple[int, dict[str, Tally]]) -> None:
    assert measured[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_judge_fails_spoilt_runs_that_mean_something_else(kind: str, measured: tuple[int, dict[str, Tally]]) -> None:
    tally = measured[1][kind]
    assert tally.changing > 0
    assert tally.missed == []


@pytest.fixture(scope="module")
def answers(tasks: list[Task]) -> dict[str, Tally]:
    return measure_answers(tasks[::4], settings=load_agent(DATA / AGENT_FILE))


@pytest.mark.parametrize("kind", CHANGING)
def test_judge_fails_runs_that_say_something_else_or_do_more(kind: str, answers: dict[str, Tally]) -> None:
    assert answers[kind].changing > 0
    assert answers[kind].missed == []


@pytest.mark.parametrize("kind", NEUTRAL)
def test_judge_passes_runs_that_say_more_or_read_once_more(kind: str, answers: dict[str, Tally]) -> None:
    assert answers[kind].mutants > 0
    assert answers[kind].missed == []


def test_final_state_alone_lets_made_up_tools_and_dropped_reads_pass(
    measured: tuple[int, dict[str, Tally]],
) -> None:
    assert measured[1]["inserted_tool"].failed_by_state == 0
    assert measured[1]["drop"].failed_by_state < 0.7 * measured[1]["drop"].changing


def test_labels_come_from_code_that_knows_no_judge() -> None:
    code = (
        "import sys, json, benchmarks.judge_labels, benchmarks.answer_mutants; print(json.dumps(sorted(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not [name for name in json.loads(loaded.stdout) if name.startswith("toolft_pipeline")]


def test_labels_say_what_changed_and_nothing_of_a_gold_run_itself(tasks: list[Task]) -> None:
    desk = Desk()
    tasks = [task for task in tasks if task.system is None]
    gold = gold_row(next(task for task in tasks if task.family == "assign_to_absent"))
    assert changes(gold, gold, desk=desk) == frozenset()

    guessed = copy.deepcopy(gold)  # the colleague's name comes from a refusal that nobody got
    del guessed["messages"][1:3]
    assert changes(gold, guessed, desk=desk) == {Change.NOT_STATED}

    twice = copy.deepcopy(gold)
    twice["messages"][3]["tool_calls"] *= 2
    assert changes(gold, twice, desk=desk) == frozenset()

    wrong = copy.deepcopy(gold)
    wrong["messages"][3]["tool_calls"][0]["function"]["name"] = "give_ticket"
    assert Change.NOT_UNDERSTOOD in changes(gold, wrong, desk=desk)

    writes = gold_row(next(task for task in tasks if [(c.reads, c.fails) for c in task.plan] == [(False, False)]))
    unmade = copy.deepcopy(writes)
    del unmade["messages"][-3:-1]
    assert Change.DATABASE in changes(writes, unmade, desk=desk)

    reads = gold_row(next(task for task in tasks if len(task.plan) == 1 and task.plan[0].reads))
    unread = copy.deepcopy(reads)
    del unread["messages"][1:3]
    assert Change.READING in changes(reads, unread, desk=desk)
