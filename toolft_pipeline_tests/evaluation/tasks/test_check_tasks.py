"""Tasks of the assistant that its catalog or its real backend has left behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.cli.main import run
from toolft_pipeline.evaluation.judge.answers import answers_of
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task, load_tasks
from toolft_pipeline.evaluation.promotion.impossible_tasks import impossible_task_objections
from toolft_pipeline.evaluation.tasks.check_tasks import ImpossibleTask, check_tasks, with_reads
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.verification.answers.expectation import Ending
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scoring.test_rollout_sessions import TOOL as NOTE
from toolft_pipeline_tests.evaluation.scoring.test_rollout_sessions import settings

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml", overrides={"sandbox.sessions": "1"})
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))
CATALOG = load_catalog(AGENT.path("catalog.json"))


def found(
    tasks: list[Task], *, without: str = "", sandbox: SandboxSettings | None = AGENT.sandbox, max_turns: int = 24
) -> list[ImpossibleTask]:
    tools = [tool for tool in CATALOG.openai_tools() if tool["function"]["name"] != without]
    validator = CatalogValidator(parse_catalog(tools, where="test"))
    return list(
        check_tasks(tasks, validator=validator, sandbox=sandbox, cwd=AGENT.folder, max_turns=max_turns).impossible
    )


def test_task_that_takes_more_turns_than_a_rollout_may_have_is_impossible() -> None:
    longest = max(TASKS, key=lambda task: len(task.user_turns))
    turns = len(longest.user_turns) + len({call.turn for call in longest.plan})
    assert found([longest], max_turns=turns) == []
    (impossible,) = found([longest], max_turns=turns - 1)
    assert f"at least {turns} assistant turns and evaluation.max_turns is {turns - 1}" in impossible.reason
    assert found([longest], max_turns=1, sandbox=None) == [], "without a backend nothing is rolled out"


def test_check_tasks_names_each_kind_of_impossible_task_and_no_other() -> None:
    writing = next(task for task in TASKS if any(call.name == "send_email" and not call.fails for call in task.plan))
    refused = next(task for task in TASKS if any(call.fails for call in task.plan))
    cyclic = (replace(writing.plan[0], id="x", after=("y",)), replace(writing.plan[0], id="y", after=("x",)))
    wanted = tuple(replace(call, fails=False) for call in refused.plan)
    changed = [
        replace(writing, task_id="other-state", expected_state="sha256:" + "0" * 64),
        replace(writing, task_id="no-plan", plan=()),
        replace(writing, task_id="cyclic", plan=cyclic),
        replace(writing, task_id="no-such-state", state_ref="no such state \u0000"),
        replace(refused, task_id="refused", plan=wanted),
    ]
    reasons = {each.task_id: each.reason for each in found([*TASKS, *changed])}
    assert list(reasons) == [task.task_id for task in changed]
    assert "its plan ends in the state sha256:" in reasons["other-state"]
    assert "its plan ends in the state sha256:" in reasons["no-plan"]
    assert "cyclic" in reasons["cyclic"]
    assert "refused the state" in reasons["no-such-state"]
    assert "the backend refuses" in reasons["refused"]


def test_check_tasks_removed_tool_makes_its_tasks_impossible_without_a_backend() -> None:
    reasons = {each.task_id: each.reason for each in found(TASKS, without="calculate", sandbox=None)}
    users = [task.task_id for task in TASKS if any(call.name == "calculate" for call in task.plan)]
    assert list(reasons) == users
    assert 0 < len(users) < len(TASKS)
    assert all("unknown tool" in reason for reason in reasons.values())


def test_check_tasks_plan_runs_in_its_declared_order_not_in_that_of_the_file(tmp_path: Path) -> None:
    """The backend of the rollouts' tests keeps its notes in order. The digest of its state is computed by hand."""
    state = '{"name":"s","notes":["first","second","third"]}'
    expected = "sha256:" + hashlib.sha256(state.encode()).hexdigest()
    third = PlannedCall(id="c", name="note", arguments={"text": "third"}, turn=1)
    second = PlannedCall(id="b", name="note", arguments={"text": "second"}, turn=0, after=("a",))
    first = PlannedCall(id="a", name="note", arguments={"text": "first"}, turn=0)
    task = replace(TASKS[0], state_ref="s", gold=(), plan=(third, second, first), expected_state=expected)
    free = replace(task, task_id="free", plan=(replace(second, after=()), first, third))
    validator = CatalogValidator(parse_catalog([NOTE], where="test"))
    sandbox = settings(tmp_path).model_copy(update={"sessions": 1})
    refused = check_tasks([task, free], validator=validator, sandbox=sandbox, cwd=tmp_path, max_turns=24)
    assert [each.task_id for each in refused.impossible] == ["free"]


def test_check_tasks_marks_the_calls_that_only_read_so_that_answers_are_expected_to_inform() -> None:
    undeclared = [replace(task, answers=(), plan=tuple(replace(c, reads=False) for c in task.plan)) for task in TASKS]
    checks = check_tasks(
        undeclared, validator=CatalogValidator(CATALOG), sandbox=AGENT.sandbox, cwd=AGENT.folder, max_turns=24
    )
    for task, declared in zip(undeclared, TASKS, strict=True):
        marked = with_reads(task, checks.reads[task.task_id])
        assert [call.reads for call in marked.plan] == [call.reads and not call.fails for call in declared.plan]
        assert [each.ending for each in answers_of(marked)] == [each.ending for each in answers_of(declared)]
    searching = next(task for task in undeclared if [call.name for call in task.plan] == ["search"])
    assert answers_of(searching)[-1].ending is Ending.DONE
    marked = with_reads(searching, checks.reads[searching.task_id])
    assert answers_of(marked)[-1].ending in {Ending.INFORMED, Ending.NOTHING_FOUND}


def _call(**changes: Any) -> PlannedCall:
    return PlannedCall(**{"id": "c", "name": "calculate", "arguments": {"expression": "1 + 1"}, "turn": 0} | changes)


def test_check_tasks_planned_refusal_may_have_any_arguments() -> None:
    allowed = replace(TASKS[0], plan=(*TASKS[0].plan, _call(arguments={"formula": "1"}, fails=True)))
    demanded = replace(TASKS[0], plan=(*TASKS[0].plan, _call(arguments={"formula": "1"})))
    gone = replace(TASKS[0], plan=(*TASKS[0].plan, _call(name="compute", fails=True)))
    assert found([allowed], sandbox=None) == []
    assert len(found([demanded], sandbox=None)) == len(found([gone], sandbox=None)) == 1


@pytest.mark.parametrize(("n_impossible", "stops"), [(0, False), (2, False), (3, True), (20, True)])
def test_impossible_tasks_stop_the_gate_above_their_share(n_impossible: int, stops: bool) -> None:
    named = [f"t{n} (gone)" for n in range(n_impossible)]
    objections = impossible_task_objections(named, n_tasks=20, max_share=0.1, agent="desk")
    assert bool(objections) == stops
    for objection in objections:
        assert f"{n_impossible} of 20 tasks" in objection
        assert "t0 (gone)" in objection
        assert "toolft tasks check desk" in objection
        assert "gate.max_impossible_share" in objection


def test_command_tasks_check_lists_them_and_says_so_by_its_status(
    assistant_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLFT_AGENTS", str(assistant_folder.parent))
    assert run(["tasks", "check", "assistant"]) == 0
    assert "20 tasks, 0 of them impossible" in capsys.readouterr().out
    tasks = assistant_folder / "tasks.jsonl"
    tasks.write_text(tasks.read_text().replace('"state_ref": "branch-1"', '"state_ref": "branch-7"', 1))
    assert run(["tasks", "check", "assistant"]) == 1
    assert "20 tasks, 1 of them impossible" in capsys.readouterr().out
