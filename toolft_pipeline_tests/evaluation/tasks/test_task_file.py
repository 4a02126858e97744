"""A file of tasks: what is refused, with line, field and fix, and states given as objects."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.judge.task import TaskFileError, load_tasks

Row = dict[str, Any]
STATE = {"mails": [{"to": "ann@example.com", "at": 17}], "count": 1.0}


def row(task_id: str = "a", **changes: Any) -> Row:
    asked = f"Do {task_id}."
    return {
        "task_id": task_id, "task_key": task_id, "family": "f", "category": "single_call", "state_ref": "s",
        "user_turns": [asked],
        "plan": [{"id": "c1", "name": "send", "arguments": {}, "turn": 0}],
        "expected_state": "sha256:" + "0" * 64,
        "gold": [{"role": "user", "content": asked}, {"role": "assistant", "content": "Done."}],
        **changes,
    }  # fmt: skip


def write(tmp_path: Path, *rows: Row | str) -> Path:
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in rows))
    return path


def planned(**changes: Any) -> list[Row]:
    return [{"id": "c1", "name": "send", "arguments": {}, "turn": 0} | changes]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("{", "Input data was truncated"),
        ({"task_id": "b"}, "missing required field `task_key`"),
        (row("b", category="many"), "category: Invalid enum value 'many'"),
        (row("b", plan=planned(turn="0")), "plan[0].turn: Expected `int`, got `str`"),
        (row("b", colour="red"), "unknown field `colour`"),
        (row("b", user_turns=[]), "user_turns: is empty"),
        (row("b", expected_state="sha256:0"), "expected_state: 'sha256:0' is no digest"),
        (row("b", plan=planned() * 2), "plan: 2 calls have the id 'c1'"),
        (row("b", plan=planned(after=["c9"])), "plan[0].after: no call of the plan has the id 'c9'"),
        (row("b", plan=planned(turn=1)), "plan[0].turn: 1 is no user turn"),
        (row("b", gold=[{"role": "bot", "content": ""}]), "gold[0].role: is 'bot'"),
        (row("b", gold=[{"role": "user", "content": ""}]), "gold: has no assistant message"),
        (row("a", user_turns=["else"]), "task_id: 'a' is also on line 1"),
        (row("b", user_turns=["Do a."]), "the same request in the same state as task 'a' on line 1"),
    ],
)
def test_load_tasks_names_line_field_and_fix(tmp_path: Path, bad: Row | str, problem: str) -> None:
    with pytest.raises(TaskFileError) as raised:
        load_tasks(write(tmp_path, row("a"), bad))
    message = str(raised.value)
    assert f"tasks.jsonl:2: {problem}" in message or (":2: " in message and problem in message)
    assert any(fix in message for fix in ("fix or remove", "give", "name one", "remove one", "count from"))


def test_load_tasks_names_all_problems_of_a_file_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "{", *[row(f"t{n}", expected_state="none") for n in range(12)])
    with pytest.raises(TaskFileError) as raised:
        load_tasks(path)
    lines = str(raised.value).splitlines()
    assert [line.split(":")[1] for line in lines[:-1]] == [str(n) for n in range(1, 11)]
    assert lines[-1].startswith("and ")


def test_load_tasks_state_as_an_object_is_its_digest(tmp_path: Path) -> None:
    """The digest by hand: keys sorted, no spaces, volatile values null; the order of keys plays no part."""
    shuffled = {"count": 1.0, "mails": [{"at": 99, "to": "ann@example.com"}]}
    path = write(tmp_path, row("a", expected_state=STATE), row("b", expected_state=shuffled))
    text = '{"count":1.0,"mails":[{"at":null,"to":"ann@example.com"}]}'
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert [task.expected_state for task in load_tasks(path, volatile=["at"])] == [digest, digest]
    assert len({task.expected_state for task in load_tasks(path)}) == 2


def test_load_tasks_equal_requests_in_other_states_are_two_tasks(tmp_path: Path) -> None:
    rows = [row("a"), row("b", user_turns=["Do a."], state_ref="other")]
    assert [task.task_id for task in load_tasks(write(tmp_path, *rows))] == ["a", "b"]
