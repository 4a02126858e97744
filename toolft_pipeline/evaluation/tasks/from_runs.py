"""Evaluation tasks made from verified runs: what production did, asked of a model.

Invariant: a run becomes a task only if replaying its record on the backend ends in its recorded state (see `shadow`).
Its task has the run's id and its user turns, by which the selection of training runs leaves it and its near-duplicates
out for as long as the file is the agent's `evaluation.tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.answers import answers_of
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.promotion.shadow import shadow_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.settings import SandboxSettings

CANDIDATES_PER_TASK = 3
"""Runs replayed for each task that is wanted, so that the sample can be even over categories and tools."""


class TasksFileExistsError(FixableError, FileExistsError):
    """The file that would be written exists already."""


@dataclass(frozen=True, kw_only=True)
class TasksFromRuns:
    """The tasks, and how many runs were tried, did not replay, or repeat a request that is a task already."""

    tasks: tuple[Task, ...]
    tried: int
    not_replayed: int
    repeated: int


def tasks_from_runs(
    accepted: Mapping[str, Path],
    *,
    count: int,
    golden: bool,
    known: Collection[Task],
    sandbox: SandboxSettings,
    cwd: Path,
    progress: Callable[[str], None] = lambda _line: None,
) -> TasksFromRuns:
    """Make up to `count` tasks of the days' accepted runs (day -> file), evenly over categories and tools.

    `golden` takes the golden runs instead of the logged ones. A run with the request of one of the `known` tasks, or of
    another run, makes none. Raises `SandboxError` if the backend does not start.
    """
    tasks: list[Task] = []
    tried = not_replayed = repeated = 0
    seen = {_request(task) for task in known}
    ids = {task.task_id for task in known}
    for day, path in sorted(accepted.items()):
        runs = ceil(CANDIDATES_PER_TASK * count / len(accepted))
        sample = shadow_tasks(
            accepted=path, trained_on=frozenset(), runs=runs, at_least=runs, sandbox=sandbox, cwd=cwd, golden=golden
        )  # fmt: skip
        tried += len(sample.tasks) + sample.left_out
        not_replayed += sample.left_out
        for task in sample.tasks:
            if _request(task) in seen or task.task_id in ids:
                repeated += 1
                continue
            seen.add(_request(task))
            ids.add(task.task_id)
            tasks.append(msgspec.structs.replace(task, answers=answers_of(task)))
        progress(f"{day}: {len(sample.tasks)} runs replay, {sample.left_out} do not")
    return TasksFromRuns(
        tasks=tuple(sample_tasks(tasks, count)), tried=tried, not_replayed=not_replayed, repeated=repeated
    )  # fmt: skip


def write_tasks(tasks: Collection[Task], path: Path) -> None:
    """Write a JSONL file of tasks, which must not exist. Raises `TasksFileExistsError`."""
    try:
        with path.open("xb") as file:
            file.writelines(msgspec.json.encode(task) + b"\n" for task in tasks)
    except FileExistsError as error:
        raise TasksFileExistsError(f"{path}: exists already; move it away, or name another with --out") from error


def _request(task: Task) -> tuple[str, tuple[str, ...]]:
    return task.state_ref, task.user_turns
