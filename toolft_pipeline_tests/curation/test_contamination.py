from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.curation.contamination import Contamination, TaskText, TaskTextError, read_task_texts

TASK = TaskText(
    task_id="t1",
    user_turns=("I would like to know when my order 4711 with the two lamps will arrive in Porto.", "Cancel it."),
)
FIRST, SECOND = TASK.user_turns
INDEX = Contamination([TaskText(task_id="t0", user_turns=("Hello there",)), TASK], threshold=0.8)


@pytest.mark.parametrize(
    "turns",
    [
        TASK.user_turns,
        (FIRST.upper(), SECOND),
        (FIRST.replace(".", " !!"), SECOND),
        (f"{FIRST} {SECOND} Now.",),
        (FIRST,),
        ("Good morning!", FIRST),
    ],
)
def test_contamination_run_that_asks_what_a_task_asks_names_the_task(turns: tuple[str, ...]) -> None:
    assert INDEX.task_of(turns) == "t1"


@pytest.mark.parametrize(
    "turns",
    [
        (FIRST.replace("4711", "99").replace("Porto", "Rome"), SECOND),
        ("Hello",),
        (SECOND,),
        ("What is in order 4711, and has it been paid for by now?", SECOND),
    ],
)
def test_contamination_another_request_is_clean(turns: tuple[str, ...]) -> None:
    assert INDEX.task_of(turns) is None


def test_contamination_without_tasks_is_clean() -> None:
    assert Contamination([], threshold=0.8).task_of(("anything",)) is None


def test_read_task_texts_takes_what_it_needs_of_a_task_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"task_id": "a", "user_turns": ["x", "y"], "plan": []}) + "\n")
    assert read_task_texts(path) == [TaskText(task_id="a", user_turns=("x", "y"))]


def test_read_task_texts_broken_line_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"task_id": "a", "user_turns": []}\n{"task_id": 7}\n')
    with pytest.raises(TaskTextError, match=r"tasks\.jsonl:2: not a task"):
        read_task_texts(path)
    with pytest.raises(TaskTextError, match=r"none\.jsonl: cannot be read"):
        read_task_texts(tmp_path / "none.jsonl")
