from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup.contamination import (
    NO_MATCH,
    Contamination,
    TaskText,
    TaskTextError,
    first_of_group,
    read_task_texts,
)
from toolft_pipeline.curation.dedup.dedup_text import distinctive_turns, whole_text
from toolft_pipeline.curation.dedup.shingles import shingle_sets
from toolft_pipeline_tests.curation import plain_sets

TASK = TaskText(
    task_id="t1",
    user_turns=("I would like to know when my order 4711 with the two lamps will arrive in Porto.", "Cancel it."),
)
FIRST, SECOND = TASK.user_turns
INDEX = Contamination([TaskText(task_id="t0", user_turns=("Hello there",)), TASK], threshold=0.8)


def task_of(index: Contamination, turns: tuple[str, ...]) -> str | None:
    """The task that a run of these turns repeats, looked up as a day's runs are: in a batch, group by group."""
    texts = [whole_text(turns), *distinctive_turns(turns)]
    found = index.first_text(shingle_sets(["padding before", *texts]))
    first = first_of_group(found, [1, len(texts)])[1]
    return None if first == NO_MATCH else index.task_ids[first]


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
def test_contamination_names_the_repeated_task(turns: tuple[str, ...]) -> None:
    assert task_of(INDEX, turns) == "t1"


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
    assert task_of(INDEX, turns) is None


def test_contamination_without_tasks_is_clean() -> None:
    assert task_of(Contamination([], threshold=0.8), ("anything",)) is None


def test_contamination_empty_run_repeats_an_empty_task() -> None:
    empty = Contamination([TASK, TaskText(task_id="silent", user_turns=())], threshold=0.8)
    assert task_of(empty, ()) == "silent"
    assert task_of(INDEX, ()) is None


EDITED = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 1)), max_size=12).map(
    lambda edits: [
        " ".join(f"w{word}" if word >= cut else f"{family}y{variant}" for word in range(20))
        for family, cut, variant in edits
    ]
)


@given(tasks=EDITED, runs=EDITED, threshold=st.sampled_from([0.2, 0.5, 0.85, 1.0]))
def test_contamination_finds_the_first_task_that_plain_sets_find(
    tasks: list[str], runs: list[str], threshold: float
) -> None:
    index = Contamination([TaskText(task_id=text, user_turns=(text,)) for text in tasks], threshold=threshold)
    plain = [plain_sets.shingles(text) for text in tasks]
    expected = [
        next((n for n, task in enumerate(plain) if plain_sets.similarity(task, run) >= threshold), NO_MATCH)
        for run in map(plain_sets.shingles, runs)
    ]
    assert index.first_text(shingle_sets(runs)).tolist() == expected


@given(groups=st.lists(st.lists(st.integers(-1, 3), max_size=4)))
def test_first_of_group_is_the_first_that_was_found(groups: list[list[int]]) -> None:
    flat = np.array([number for group in groups for number in group], np.int64)
    expected = [next((number for number in group if number != NO_MATCH), NO_MATCH) for group in groups]
    assert first_of_group(flat, [len(group) for group in groups]).tolist() == expected


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
