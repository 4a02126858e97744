"""Tasks made from the assistant's runs on its real backend, and that these runs are left out of training."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.curation.selection import SELECTION_FILE, select_training_set
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.tasks.check_tasks import check_tasks
from toolft_pipeline.evaluation.tasks.from_runs import TasksFileExistsError, TasksFromRuns, tasks_from_runs, write_tasks
from toolft_pipeline.ingest.day import read_golden_runs
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline_tests.agents import read_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import accepted

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml", overrides={"sandbox.sessions": "1"})
CATALOG = load_catalog(AGENT.path("catalog.json"))
DAYS = ("2026-10-04", "2026-10-05")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Trajectory]]:
    """The logged runs of two days that call tools the assistant has."""
    found = {}
    for day in DAYS:
        raw = tmp_path_factory.mktemp(day)
        read_agent_day(AGENT, day=day, out=raw)
        (table,) = raw.glob("traj*.parquet")
        found[day] = [
            run
            for run in read_trajectories(table)
            if {call.name for message in run.messages for call in message.tool_calls} <= set(CATALOG.names)
            and run.outcome.status == "success"
        ]
    return found


def made(days: dict[str, list[Trajectory]], folder: Path, *, count: int, known: tuple[Task, ...] = (),
         golden: bool = False) -> TasksFromRuns:  # fmt: skip
    assert AGENT.sandbox is not None
    tables = {day: folder / f"{day}.parquet" for day in days}
    for day, runs in days.items():
        write_accepted_rows(accepted(runs), tables[day])
    return tasks_from_runs(
        tables, count=count, golden=golden, known=known, sandbox=AGENT.sandbox, cwd=AGENT.folder
    )  # fmt: skip


def test_tasks_of_runs_can_be_done_and_their_runs_are_not_trained_on(
    days: dict[str, list[Trajectory]], tmp_path: Path
) -> None:
    found = made(days, tmp_path, count=6)
    assert len(found.tasks) == 6
    path = tmp_path / "tasks.from_runs.jsonl"
    write_tasks(found.tasks, path)
    tasks = load_tasks(path)
    assert tasks == list(found.tasks)
    checks = check_tasks(
        tasks, validator=CatalogValidator(CATALOG), sandbox=AGENT.sandbox, cwd=AGENT.folder, max_turns=24
    )
    assert checks.impossible == ()
    assert checks.reads == {task.task_id: tuple(call.id for call in task.plan if call.reads) for task in tasks}
    assert any(checks.reads.values())
    with pytest.raises(TasksFileExistsError, match="exists already"):
        write_tasks(found.tasks, path)

    def sides(tasks: Path | None) -> dict[str, str]:
        out = tmp_path / str(tasks is None)
        out.mkdir()
        signatures = {day: tmp_path / f"{day}.signatures" for day in days}
        for day, runs in days.items():
            write_signatures(accepted(runs), signatures[day])
        select_training_set(
            days=signatures, tasks=tasks, tools=CATALOG.names, curation=AGENT.curation, out=out
        )  # fmt: skip
        table = pq.read_table(out / SELECTION_FILE).to_pylist()
        return {row["trajectory_id"]: row["reason"] for row in table if row["side"] == "out"}

    ids = {task.task_id for task in tasks}
    assert ids <= {run.trajectory_id for runs in days.values() for run in runs}
    out = sides(path)
    assert ids <= out.keys()
    assert all("same request as evaluation task" in out[task_id] for task_id in ids)
    assert not ids <= sides(None).keys()


def test_tasks_of_runs_repeat_no_task_that_is_there(days: dict[str, list[Trajectory]], tmp_path: Path) -> None:
    first = made(days, tmp_path, count=4)
    forged = [replace(run, final_state_ref="sha256:" + "0" * 64) for run in days[DAYS[1]]]
    again = made(days | {DAYS[1]: forged}, tmp_path, count=100, known=first.tasks)
    assert again.repeated >= 1
    assert again.not_replayed == len(forged)
    assert {task.task_id for task in again.tasks} <= {run.trajectory_id for run in days[DAYS[0]]}
    requests = [(task.state_ref, task.user_turns) for task in (*first.tasks, *again.tasks)]
    assert len(set(requests)) == len(requests)


def test_tasks_of_golden_runs_come_from_golden_runs_alone(
    days: dict[str, list[Trajectory]], tmp_path: Path
) -> None:  # fmt: skip
    golden = read_golden_runs(AGENT.logs, folder=AGENT.folder, agent=AGENT.name)
    found = made({DAYS[0]: [*days[DAYS[0]], *golden]}, tmp_path, count=3, golden=True)
    assert found.tasks
    assert {task.task_id for task in found.tasks} <= {run.trajectory_id for run in golden}
