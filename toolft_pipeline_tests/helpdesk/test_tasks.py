"""The committed evaluation tasks: executed, balanced, and on nothing that the logs hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpdesk.desk import Desk
from helpdesk.eval_words import EVAL_POOL
from helpdesk.families import FAMILIES
from helpdesk.registry import TOOLS
from helpdesk.texts import wordings_of
from helpdesk.words import is_evaluation_id

from benchmarks.difficulty import old_copier, rates
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.judge.level import Level, sequence_of
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.sandbox.state import canonical_state, state_digest
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline_tests.conftest import REPOSITORY

DATA = REPOSITORY / "data" / "helpdesk"


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return load_tasks(DATA / "tasks.jsonl")


@pytest.fixture(scope="module")
def logged() -> str:
    paths = [*sorted((DATA / "logs").glob("????-??-??.jsonl")), DATA / "golden.jsonl"]
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in paths)


def test_oracle_plans_end_in_the_expected_state(tasks: list[Task]) -> None:
    desk = Desk()
    for task in tasks:
        desk.reset(task.state_ref)
        for call in task.plan:
            assert desk.call(call.name, call.arguments).is_error == call.fails, (task.task_id, call)
            assert call.reads == TOOLS[call.name].reads
        assert state_digest(canonical_state(desk.snapshot(), volatile=())) == task.expected_state


def test_plans_name_earlier_calls_that_must_succeed(tasks: list[Task]) -> None:
    for task in tasks:
        succeeded: set[str] = set()
        for call in task.plan:
            assert set(call.after) <= succeeded, task.task_id
            assert 0 <= call.turn < len(task.user_turns)
            succeeded |= set() if call.fails else {call.id}


def test_nothing_is_passed_by_doing_nothing_but_talk(tasks: list[Task]) -> None:
    for task in tasks:
        assert any(not call.fails for call in task.plan) == (task.category is not Category.NO_TOOL)


def test_tasks_are_many_and_spread_over_categories_families_and_tools(tasks: list[Task]) -> None:
    assert len(tasks) == 276
    assert len({task.task_id for task in tasks}) == len(tasks)
    categories = Counter(task.category for task in tasks)
    assert set(categories) == set(Category)
    assert min(categories.values()) >= 24
    assert max(Counter(task.family for task in tasks).values()) <= 8
    tools = Counter(tool for task in tasks for tool in task.tools)
    assert set(tools) == set(TOOLS)
    assert min(tools.values()) >= 3
    assert sum(len(task.user_turns) > 1 for task in tasks) >= 12


def test_no_value_of_a_task_stands_in_any_log(tasks: list[Task], logged: str) -> None:
    assert not [id_ for id_ in re.findall(r"\b[COTIRS]-(\d{4})\b", logged) if is_evaluation_id(int(id_))]
    words = {
        word
        for field in fields(EVAL_POOL)
        if field.name in ("first", "last", "staff", "adjectives", "nouns", "streets", "cities", "hosts")
        for word in getattr(EVAL_POOL, field.name)
    }
    assert not set(re.findall(r"[a-z]+", logged.lower())) & {word.lower() for word in words}
    phrases = (EVAL_POOL.problems, EVAL_POOL.problems_de, EVAL_POOL.problems_es)
    remarks = (EVAL_POOL.remarks, EVAL_POOL.remarks_de, EVAL_POOL.remarks_es)
    for phrase in (each for texts in (*phrases, *remarks) for each in texts):
        assert phrase not in logged
    for task in tasks:
        assert task.state_ref not in logged
        assert task.task_id not in logged


def test_tasks_are_worded_as_no_log_is(tasks: list[Task]) -> None:
    for task in tasks:
        language, wording = task.task_key.split("|")[1].split(" w")
        assert len(task.user_turns) == len(wordings_of(FAMILIES[task.family], language, held=True)[int(wording)])


def test_levels_have_their_share_and_every_key_is_in_no_log(tasks: list[Task]) -> None:
    levels = Counter(task.level for task in tasks)
    assert levels == {
        Level.NEW_WORDING: 120, Level.NEW_COMPOSITION: 72, Level.NEW_FAMILY: 60, Level.NEW_TOOL: 24,
    }  # fmt: skip
    runs = [run for path in sorted((DATA / "logs").glob("????-??-??.jsonl")) for run in rows_of(path)]
    runs += rows_of(DATA / "golden.jsonl")
    keys = {run["task_key"] for run in runs}
    families = {key.split("|")[0] for key in keys}
    sequences = [tuple(c["function"]["name"] for m in r["messages"] for c in m.get("tool_calls") or ()) for r in runs]
    called = {tool for sequence in sequences for tool in sequence}
    steps = {pair for sequence in sequences for pair in pairwise(sequence)}
    for task in tasks:
        assert task.split_key is not None
        if task.level is Level.NEW_COMPOSITION:
            assert sequence_of(task.split_key) not in steps
            assert {call.name for call in task.plan} <= called
        elif task.level is Level.NEW_FAMILY:
            assert task.split_key not in families
            assert {call.name for call in task.plan} <= called
        elif task.level is Level.NEW_TOOL:
            assert task.split_key not in called
        else:
            assert task.split_key not in keys
            assert task.family in families


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The runs of a file; what is no run is left out."""
    rows = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        rows += [row] if "messages" in row else []
    return rows


def test_gold_runs_show_every_category_first() -> None:
    rows = [json.loads(line) for line in (DATA / "golden.jsonl").read_text().splitlines()]
    assert len(rows) >= 40
    assert all(row["golden"] for row in rows)
    first = [FAMILIES[row["task_key"].split("|")[0]].category for row in rows[:6]]
    assert set(first) == set(Category)


def test_the_old_copier_stays_below_sixty_percent(tasks: list[Task]) -> None:
    passed = old_copier(tasks, load_agent(DATA / "agent.yaml"))
    assert rates(passed, tasks)["tasks"].value < 0.6
