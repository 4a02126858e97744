from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox
from toolft_pipeline.sandbox.state import canonical_result, state_digest
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

AGENT = REPOSITORY / "data" / "assistant"
DATA = ("logs/*.jsonl", "golden.jsonl", "tasks.jsonl", "catalog.json", "planted.json")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def settings() -> AgentSettings:
    return load_agent(AGENT / "agent.yaml")


def planted() -> dict[str, str]:
    return {row["id"]: row["fault"] for row in json.loads((AGENT / "planted.json").read_text())}


def logged() -> list[Row]:
    """The rows that are JSON, faults included."""
    rows = []
    for file in sorted((AGENT / "logs").iterdir()):
        for line in file.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def golden() -> list[Row]:
    return [json.loads(line) for line in (AGENT / "golden.jsonl").read_text().splitlines()]


def replay(settings: AgentSettings, rows: list[tuple[str, list[Row]]]) -> list[tuple[list[str], str]]:
    """For each (state, messages): what the backend answers to the recorded calls, and the state that it ends in."""
    assert settings.sandbox is not None
    volatile = settings.sandbox.volatile

    def work(sandbox: Sandbox, row: tuple[str, list[Row]]) -> tuple[list[str], str]:
        state_ref, messages = row
        sandbox.reset(state_ref)
        calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
        results = [sandbox.call(call["name"], json.loads(call["arguments"])).text for call in calls]
        return [canonical_result(text, volatile) for text in results], state_digest(sandbox.snapshot())

    return list(map_on_sandboxes(rows, work, settings=settings.sandbox, cwd=settings.folder))


def recorded(settings: AgentSettings, messages: list[Row]) -> list[str]:
    assert settings.sandbox is not None
    return [canonical_result(m["content"], settings.sandbox.volatile) for m in messages if m["role"] == "tool"]


def test_data_is_regenerated_bit_for_bit(tmp_path: Path) -> None:
    command = [sys.executable, "backend/make_data.py", "--out", str(tmp_path)]
    subprocess.run(command, cwd=AGENT, check=True, env={"PYTHONPATH": str(REPOSITORY), "PATH": ""}, timeout=HANG_S)
    for pattern in DATA:
        made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.glob(pattern)}
        assert made == {path.relative_to(AGENT): path.read_bytes() for path in AGENT.glob(pattern)}
        assert made


def test_sound_runs_replay_to_the_recorded_results_and_state(settings: AgentSettings) -> None:
    rows = [row for row in logged() if row["id"] not in planted()] + golden()
    assert len(rows) == 50 - 7 + 6
    replayed = replay(settings, [(row["initial_state"], row["messages"]) for row in rows])
    for row, (results, state) in zip(rows, replayed, strict=True):
        assert results == recorded(settings, row["messages"]), row["id"]
        assert state == row["final_state"], row["id"]


def test_measured_latency_differs_from_the_record_and_is_masked(settings: AgentSettings) -> None:
    row = next(row for row in logged() if "took_ms" in json.dumps(row) and row["id"] not in planted())
    assert settings.sandbox is not None
    bare = settings.model_copy(update={"sandbox": settings.sandbox.model_copy(update={"volatile": ()})})
    case = [(row["initial_state"], row["messages"])]
    assert replay(settings, case)[0][0] == recorded(settings, row["messages"])
    assert replay(bare, case)[0][0] != recorded(bare, row["messages"])


def test_calls_of_sound_runs_hold_under_the_catalog(settings: AgentSettings) -> None:
    catalog = load_catalog(AGENT / "catalog.json")
    validator = CatalogValidator(catalog)
    for row in logged():
        assert row["tools_ref"] == catalog.digest
        calls = [call["function"] for message in row["messages"] for call in message.get("tool_calls", ())]
        reasons = [validator.check(call["name"], call["arguments"]) for call in calls]
        broken = planted().get(row["id"]) in ("unknown_tool", "malformed_arguments")
        assert any(reasons) == broken, row["id"]


def test_logs_are_fifty_lines_with_one_of_each_fault() -> None:
    lines = [line for file in sorted((AGENT / "logs").iterdir()) for line in file.read_text().splitlines()]
    assert len(lines) == 50
    assert sorted(planted().values()) == sorted(
        [
            "failed",
            "loop",
            "malformed_arguments",
            "malformed_line",
            "truncated_line",
            "unknown_tool",
            "wrong_result",
        ]
    )


def test_tasks_cover_every_category_and_a_second_user_turn(settings: AgentSettings) -> None:
    tasks = load_tasks(AGENT / "tasks.jsonl")
    assert len(tasks) == settings.gate.min_tasks == 20
    assert {task.category for task in tasks} == set(Category)
    assert min(Counter(task.category for task in tasks).values()) >= 3
    assert any(len(task.user_turns) == 2 for task in tasks)


def test_gold_of_every_task_replays_to_the_expected_state(settings: AgentSettings) -> None:
    tasks = load_tasks(AGENT / "tasks.jsonl")
    replayed = replay(settings, [(task.state_ref, list(task.gold)) for task in tasks])
    for task, (results, state) in zip(tasks, replayed, strict=True):
        assert results == recorded(settings, list(task.gold)), task.task_id
        assert state == task.expected_state, task.task_id
        assert [text.startswith("Error: ") for text in results] == [call.fails for call in task.plan], task.task_id


def test_tasks_share_no_wording_no_key_and_no_entity_with_the_logs() -> None:
    rows = logged() + golden()
    said = {message["content"] for row in rows for message in row["messages"] if message["role"] == "user"}
    tasks = load_tasks(AGENT / "tasks.jsonl")
    assert not said & {turn for task in tasks for turn in task.user_turns}
    assert not {row["task_key"] for row in rows} & {task.task_key for task in tasks}
    assert not {row["initial_state"] for row in rows} & {task.state_ref for task in tasks}
    assert len({task.task_key for task in tasks}) == len(tasks)
    addresses = {word for text in said for word in text.split() if "@" in word}
    assert not addresses & {word for task in tasks for turn in task.user_turns for word in turn.split() if "@" in word}
