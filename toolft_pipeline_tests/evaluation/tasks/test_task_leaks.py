"""Split keys in training runs are found, by each level's meaning; the nearest run is named; a window takes seconds."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.curation.selection import SELECTION_FILE, SELECTION_SCHEMA
from toolft_pipeline.evaluation.judge.task import TaskFileError, load_tasks
from toolft_pipeline.evaluation.tasks.task_leaks import SplitTask, TaskLeaks, find_task_leaks, read_split_tasks
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT

DAY = "2026-10-01"


def run(name: str, said: str, *tools: str, key: str | None = None) -> Trajectory:
    turns = [turn for tool in tools for turn in (calls(("c", tool, {})), result("c", tool, "{}"))]
    return trajectory(user(said), *turns, says("Done."), id_=name, task_key=key)


RUNS = [
    run("r1", "Cancel the order O-1 of Maria please", "find", "cancel", key="cancel_order|w1|x"),
    run("r2", "Refund invoice I-2 and tell the customer", "find", "refund", "mail", key="refund_and_mail|w2|y"),
    run("r3", "What is your name and what can you do?"),
    run("r4", "An invoice that nobody was trained on", "void", key="void_invoice|w1|z"),
]
OUT = frozenset({"r4"})


def found(tasks: Sequence[SplitTask], folder: Path, *, runs: Sequence[Trajectory] = RUNS) -> TaskLeaks:
    signatures = folder / "signatures.parquet"
    write_signatures(accepted(runs), signatures)
    rows = [
        {"trajectory_id": each.trajectory_id, "day": DAY, "side": "out" if each.trajectory_id in OUT else "train",
         "weight": 1, "duplicate_of": None, "reason": "", "category": "", "tools": []}
        for each in runs
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=SELECTION_SCHEMA), folder / SELECTION_FILE)
    return find_task_leaks(tasks, days={DAY: signatures}, selection=folder / SELECTION_FILE)


def asks(level: str | None, key: str | None, *tools: str, said: str = "Something else entirely") -> SplitTask:
    text = json.dumps({"task_id": "t", "user_turns": [said], "plan": [{"name": tool} for tool in tools],
                       "level": level, "split_key": key})  # fmt: skip
    return msgspec.json.decode(text, type=SplitTask)


@pytest.mark.parametrize(
    ("level", "key", "run_id"),
    [
        ("new_wording", "cancel_order|w1|x", "r1"),
        ("new_wording", "refund INVOICE I-2, and tell the customer!", "r2"),
        ("new_composition", "refund > mail", "r2"),
        ("new_composition", "find>refund>mail", "r2"),
        ("new_family", "refund_and_mail", "r2"),
        ("new_tool", "cancel", "r1"),
    ],
)
def test_a_split_key_in_a_training_run_is_a_leak(tmp_path: Path, level: str, key: str, run_id: str) -> None:
    (leak,) = found([asks(level, key)], tmp_path).leaks
    assert (leak.trajectory_id, leak.day, leak.runs, leak.split_key) == (run_id, DAY, 1, key)


@pytest.mark.parametrize(
    ("level", "key"),
    [
        ("new_wording", "cancel_order|w1"),
        ("new_wording", "Refund invoice I-3 and tell the customer"),
        ("new_composition", "find > mail"),
        ("new_composition", "mail > refund"),
        ("new_family", "refund"),
        ("new_family", "void_invoice"),
        ("new_tool", "void"),
        (None, None),
    ],
)
def test_what_no_training_run_has_is_no_leak(tmp_path: Path, level: str | None, key: str | None) -> None:
    """`refund` is no family of `refund_and_mail`, and r4 is not trained on."""
    assert found([asks(level, key)], tmp_path).leaks == ()


@pytest.mark.parametrize("runs", [[], [RUNS[3]]], ids=["no run", "none selected"])
def test_a_day_without_a_selected_run_has_no_leak(tmp_path: Path, runs: Sequence[Trajectory]) -> None:
    leaks = found([asks("new_tool", "cancel")], tmp_path, runs=runs)
    assert (leaks.runs, leaks.leaks, leaks.nearest) == (0, (), ())


def test_the_nearest_run_is_named_with_how_near_it_is(tmp_path: Path) -> None:
    same = asks(None, None, "find", "cancel", said="Cancel the order O-1 of Maria please")
    tools = asks(None, None, "find", "refund", "mail", said="Wholly other words")
    near, far = found([same, tools], tmp_path).nearest
    assert (near.trajectory_id, near.distance, near.user, near.tools) == ("r1", 0.0, 1.0, 1.0)
    assert (far.trajectory_id, far.distance, far.user, far.tools) == ("r2", 0.5, 0.0, 1.0)


def test_tools_that_no_run_calls_are_named(tmp_path: Path) -> None:
    tasks = [asks("new_family", "other", "find", "void"), asks("new_tool", "ship", "ship")]
    assert found(tasks, tmp_path).untrained == ("void",)


def test_sixty_days_of_a_thousand_runs_take_seconds(tmp_path: Path) -> None:
    drawn = random.Random(1)
    words = [f"word{n}" for n in range(3000)]
    names = [f"tool{n}" for n in range(60)]
    runs = [
        run(f"run{n}", " ".join(drawn.choices(words, k=30)), *drawn.choices(names, k=drawn.randint(0, 6)))
        for n in range(1000)
    ]
    tasks = [
        replace(asks("new_composition", "tool1 > tool2 > tool3", *drawn.choices(names, k=4)), task_id=f"t{n}",
                user_turns=(" ".join(drawn.choices(words, k=30)),))
        for n in range(240)
    ]  # fmt: skip
    found(tasks, tmp_path, runs=runs)
    days = {f"2026-{1 + n // 28:02}-{1 + n % 28:02}": tmp_path / "signatures.parquet" for n in range(60)}
    table = pq.read_table(tmp_path / SELECTION_FILE)
    every = [table.set_column(1, "day", pa.array([day] * len(table))) for day in days]
    pq.write_table(pa.concat_tables(every), tmp_path / "all.parquet")
    started = time.process_time()
    leaks = find_task_leaks(tasks, days=days, selection=tmp_path / "all.parquet")
    assert leaks.runs == 60_000
    assert len(leaks.nearest) == 240
    assert time.process_time() - started < 12


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": "new_family"}, "declares what no training run may have"),
        ({"split_key": "x"}, "without a level"),
        ({"level": "new_tool", "split_key": "no_such_tool"}, "does not call 'no_such_tool'"),
        ({"level": "new_composition", "split_key": "one"}, "is no sequence of tools"),
        ({"level": "new_composition", "split_key": "one > two"}, "not in the plan's own sequence"),
        ({"level": "hard"}, "level: Invalid enum value 'hard'"),
    ],
)
def test_a_level_that_its_key_does_not_fit_is_refused(tmp_path: Path, change: dict[str, str], problem: str) -> None:
    line = json.loads((ASSISTANT / "tasks.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (tmp_path / "tasks.jsonl").write_text(json.dumps(line | change), encoding="utf-8")
    with pytest.raises(TaskFileError) as refused:
        load_tasks(tmp_path / "tasks.jsonl")
    assert problem in str(refused.value)


def test_the_check_reads_files_of_tasks_as_they_are() -> None:
    tasks = load_tasks(ASSISTANT / "tasks.jsonl")
    read = read_split_tasks(ASSISTANT / "tasks.jsonl")
    assert [(each.task_id, each.sequence) for each in read] == [
        (task.task_id, tuple(call.name for call in task.plan)) for task in tasks
    ]
