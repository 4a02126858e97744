"""Tasks made from plans on the assistant's real backend: what it returns is what they expect."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.cli.main import run
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.tasks.check_tasks import check_tasks
from toolft_pipeline.evaluation.tasks.from_plans import TaskPlanFileError, read_plans, tasks_from_plans
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline_tests.conftest import REPOSITORY

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml", overrides={"sandbox.sessions": "1"})
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))


def plan_of(task: Task) -> dict[str, Any]:
    """A task as a benchmark has it: no results, no final state."""
    fails = {(call.turn, call.name, json.dumps(call.arguments, sort_keys=True)) for call in task.plan if call.fails}
    turns: list[dict[str, Any]] = []
    for message in task.gold:
        if message["role"] == "user":
            turns.append({"user": message["content"], "calls": []})
        elif message["role"] == "assistant" and message.get("tool_calls"):
            step = []
            for call in message["tool_calls"]:
                name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
                failing = (len(turns) - 1, name, json.dumps(arguments, sort_keys=True)) in fails
                step.append({"name": name, "arguments": arguments} | ({"fails": True} if failing else {}))
            turns[-1]["calls"].append(step if len(step) > 1 else step[0])
        elif message["role"] == "assistant":
            turns[-1]["answer"] = message["content"]
    return {"task_id": task.task_id, "family": task.family, "state_ref": task.state_ref, "system": task.system,
            "turns": turns}  # fmt: skip


def written(folder: Path, *plans: dict[str, Any]) -> Path:
    path = folder / "plans.jsonl"
    path.write_text("".join(json.dumps(plan) + "\n" for plan in plans), encoding="utf-8")
    return path


def executed(path: Path) -> list[Task]:
    assert AGENT.sandbox is not None
    return tasks_from_plans(read_plans(path), sandbox=AGENT.sandbox, cwd=AGENT.folder)


def shape(task: Task) -> tuple[Any, ...]:
    """A task without what differs each time (a result's time) and what a plan does not hold (words beside calls)."""
    calls = [(call.name, call.arguments, call.turn, call.fails) for call in task.plan]
    gold = [
        (m["role"], "" if m.get("tool_calls") else re.sub(r'"took_ms":[\d.]+', "", m["content"]))
        for m in task.gold
        if m["role"] != "system"
    ]
    return task.task_id, task.category, task.user_turns, task.expected_state, calls, gold


def test_plans_of_the_tasks_give_the_tasks_back(tmp_path: Path) -> None:
    made = executed(written(tmp_path, *map(plan_of, TASKS)))
    assert [shape(task) for task in made] == [shape(task) for task in TASKS]
    assert any(call.reads for task in made for call in task.plan)


def test_calls_of_later_steps_come_after_those_of_the_step_before(tmp_path: Path) -> None:
    task = next(task for task in TASKS if len(task.plan) > 1 and task.category == "multi_step")
    (made,) = executed(written(tmp_path, plan_of(task)))
    assert [bool(call.after) for call in made.plan] == [at > 0 for at in range(len(made.plan))]


def test_command_writes_a_file_that_evaluation_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plans = written(tmp_path, *map(plan_of, TASKS[:3]))
    out = tmp_path / "tasks.jsonl"
    assert run(["tasks", "from-plans", "assistant", str(plans), "--out", str(out)]) == 0
    assert len(load_tasks(out)) == 3
    assert run(["tasks", "from-plans", "assistant", str(plans), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_plans_that_the_backend_does_not_carry_out_are_all_named(tmp_path: Path) -> None:
    calling = next(task for task in TASKS if task.plan and not any(call.fails for call in task.plan))
    good = plan_of(calling)
    refused = json.loads(json.dumps(good))
    refused["turns"][0]["calls"] = [{"name": "no_such_tool", "arguments": {}}]
    other_state = good | {"task_id": "other", "expected_state": {"nothing": "like it"}}
    wrongly_failing = json.loads(json.dumps(good)) | {"task_id": "third"}
    first = wrongly_failing["turns"][0]["calls"][0]
    (first[0] if isinstance(first, list) else first)["fails"] = True
    with pytest.raises(TaskPlanFileError) as found:
        executed(written(tmp_path, refused, other_state, wrongly_failing))
    lines = str(found.value).splitlines()
    assert len(lines) == 3
    assert "refuses no_such_tool" in lines[0]
    assert "another state than expected_state" in lines[1]
    assert "does not refuse" in lines[2]


DRIFTING = """
import json, random
from mcp.server.fastmcp import FastMCP
server = FastMCP("drifting")
notes = []
@server.tool()
def note(text: str) -> str:
    notes.append({"text": text, "nonce": random.random()})
    return "noted"
@server.tool()
def sandbox_reset(state_ref: str) -> str:
    notes.clear()
    return "{}"
@server.tool()
def sandbox_snapshot() -> str:
    return json.dumps({"notes": notes})
server.run()
"""


KEEPING = DRIFTING.replace("random.random()", "len(ever)").replace("notes = []", "notes, ever = [], []")
KEEPING = KEEPING.replace("    notes.append", "    ever.append(text)\n    notes.append")


def test_a_state_that_other_plans_change_is_named(tmp_path: Path) -> None:
    """One server, whose reset leaves something behind: each plan alone would end in the same state twice."""
    (tmp_path / "server.py").write_text(KEEPING, encoding="utf-8")
    plans = [
        {"task_id": f"t{n}", "family": "f", "state_ref": "s", "turns": [
            {"user": "Note it.", "calls": [{"name": "note", "arguments": {"text": f"x{n}"}}], "answer": "Done."}]}
        for n in range(2)
    ]  # fmt: skip
    settings = SandboxSettings(command=("python", "server.py"), sessions=1)
    with pytest.raises(TaskPlanFileError) as found:
        tasks_from_plans(read_plans(written(tmp_path, *plans)), sandbox=settings, cwd=tmp_path)
    assert "notes[0].nonce differs" in str(found.value)


def test_plans_with_whole_floats_can_be_done_as_written(tmp_path: Path) -> None:
    """`2.0` is not `2` in this backend's state: the check of the tasks must call what the plan says."""
    server = DRIFTING.replace("text: str", "text: int | float").replace(', "nonce": random.random()', "")
    (tmp_path / "server.py").write_text(server, encoding="utf-8")
    turn = {"user": "Two.", "calls": [{"name": "note", "arguments": {"text": 2.0}}], "answer": "Done."}
    plan = {"task_id": "t", "family": "f", "state_ref": "s", "turns": [turn]}
    settings = SandboxSettings(command=("python", "server.py"))
    made = tasks_from_plans(read_plans(written(tmp_path, plan)), sandbox=settings, cwd=tmp_path)
    schema = {"type": "object", "properties": {"text": {"type": "number"}}}
    catalog = Catalog(tools=(Tool(name="note", description="", parameters=schema),))
    checked = check_tasks(made, validator=CatalogValidator(catalog), sandbox=settings, cwd=tmp_path, max_turns=24)
    assert checked.impossible == ()


def test_a_state_that_differs_each_time_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(DRIFTING, encoding="utf-8")
    plan = {"task_id": "t", "family": "f", "state_ref": "s", "turns": [
        {"user": "Note it.", "calls": [{"name": "note", "arguments": {"text": "x"}}], "answer": "Done."}]}  # fmt: skip
    path = written(tmp_path, plan)
    settings = SandboxSettings(command=("python", "server.py"))
    with pytest.raises(TaskPlanFileError) as found:
        tasks_from_plans(read_plans(path), sandbox=settings, cwd=tmp_path)
    assert "notes[0].nonce differs" in str(found.value)
    masked = settings.model_copy(update={"volatile": ("nonce",)})
    assert len(tasks_from_plans(read_plans(path), sandbox=masked, cwd=tmp_path)) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"turns": []}, "a task at least one turn"),
        ({"turns": [{"user": "Hi"}]}, "needs calls or an answer"),
        ({"plan": []}, "unknown field `plan`"),
        ({"level": "new_tool", "split_key": "absent"}, "does not call 'absent'"),
    ],
)
def test_a_plan_that_says_too_little_is_refused(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = written(tmp_path, plan_of(TASKS[0]) | change)
    with pytest.raises(TaskPlanFileError) as refused:
        read_plans(path)
    assert f"{path}:1: " in str(refused.value)
    assert problem in str(refused.value)


def test_levels_and_answers_of_a_plan_are_kept(tmp_path: Path) -> None:
    task = TASKS[0]
    answers = [{"turn": 0, "ending": "informed", "facts": [{"value": "Tuesday"}]}]
    plan = plan_of(task) | {"level": "new_family", "split_key": task.family, "answers": answers}
    (made,) = executed(written(tmp_path, plan))
    assert (made.level, made.split_key) == ("new_family", task.family)
    assert [(each.ending, each.facts[0].value) for each in made.answers] == [("informed", "Tuesday")]
