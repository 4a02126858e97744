"""Yesterday's runs of the assistant as tasks, on its real backend."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.evaluation.promotion.shadow import ShadowTasks, run_as_task, shadow_tasks, trained_on
from toolft_pipeline.evaluation.scoring.evaluate import evaluate
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Origin, Role, Trajectory, text_message
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline_tests.agents import read_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, oracle, prepared

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml", overrides={"sandbox.sessions": "1"})
DAY = "2026-10-05"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Trajectory]:
    """The logged runs of the day that call tools the assistant has; some of them forged, as the logs are."""
    raw = tmp_path_factory.mktemp("raw")
    read_agent_day(AGENT, day=DAY, out=raw)
    (table,) = raw.glob("traj*.parquet")
    names = set(load_catalog(AGENT.path("catalog.json")).names)
    return [
        run
        for run in read_trajectories(table)
        if {call.name for message in run.messages for call in message.tool_calls} <= names
        and run.outcome.status == "success"
    ]


def _draw(
    runs: list[Trajectory], folder: Path, *, seen: frozenset[str] = frozenset(), most: int = 100, least: int = 3
) -> ShadowTasks:
    assert AGENT.sandbox is not None
    path = folder / "accepted.parquet"
    write_accepted_rows(accepted(runs), path)
    return shadow_tasks(
        accepted=path, trained_on=seen, runs=most, at_least=least, sandbox=AGENT.sandbox, cwd=AGENT.folder
    )


@pytest.fixture(scope="module")
def whole(runs: list[Trajectory], tmp_path_factory: pytest.TempPathFactory) -> ShadowTasks:
    """All runs of the day that can be done again."""
    return _draw(runs, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def kept(runs: list[Trajectory], whole: ShadowTasks) -> list[Trajectory]:
    """The runs behind those tasks."""
    good = {task.task_id for task in whole.tasks}
    return sorted((run for run in runs if run.trajectory_id in good), key=lambda run: run.trajectory_id)


def _asked(drawn: ShadowTasks, model: ScriptedModel, folder: Path) -> ModelMetrics:
    folder.mkdir(exist_ok=True)
    return evaluate(
        prepared(model, "candidate"), tasks=drawn.tasks, settings=AGENT,
        catalog=load_catalog(AGENT.path("catalog.json")), out=folder, progress=lambda _line: None,
    )  # fmt: skip


def test_shadow_model_that_does_what_production_did_passes_every_run(whole: ShadowTasks, tmp_path: Path) -> None:
    assert len(whole.tasks) >= 5
    metrics = _asked(whole, ScriptedModel(oracle(whole.tasks)), tmp_path)
    assert metrics.task_outcomes == {task.task_id: True for task in whole.tasks}


def test_shadow_model_that_only_talks_fails_the_runs_that_act(whole: ShadowTasks, tmp_path: Path) -> None:
    def talk(_messages: list[Message]) -> str:
        return "Done."

    passed = _asked(whole, ScriptedModel(talk), tmp_path).task_outcomes
    acts = {task.task_id for task in whole.tasks if any(not call.fails for call in task.plan)}
    assert acts
    assert not any(passed[task_id] for task_id in acts)


def test_shadow_run_that_does_not_replay_is_left_out_and_counted(kept: list[Trajectory], tmp_path: Path) -> None:
    spoiled = replace(kept[0], final_state_ref="sha256:" + "0" * 64)
    drawn = _draw([spoiled, *kept[1:3]], tmp_path)
    assert [task.task_id for task in drawn.tasks] == [run.trajectory_id for run in kept[1:3]]
    assert drawn.left_out == 1


def test_shadow_draws_runs_that_were_not_trained_on_first(kept: list[Trajectory], tmp_path: Path) -> None:
    unseen, seen = {run.trajectory_id for run in kept[:2]}, frozenset(run.trajectory_id for run in kept[2:])
    drawn = _draw(kept, tmp_path, seen=seen, most=3)
    assert unseen < {task.task_id for task in drawn.tasks}
    assert len(drawn.tasks) == 3
    assert drawn.trained_on == {task.task_id for task in drawn.tasks} - unseen


def test_shadow_runs_that_were_trained_on_only_fill_up_a_small_sample(kept: list[Trajectory], tmp_path: Path) -> None:
    unseen, seen = {run.trajectory_id for run in kept[:2]}, frozenset(run.trajectory_id for run in kept[2:])
    drawn = _draw(kept, tmp_path, seen=seen, least=1)
    assert {task.task_id for task in drawn.tasks} == unseen
    assert drawn.trained_on == frozenset()


def test_shadow_golden_sampled_and_unanswered_runs_are_no_tasks(kept: list[Trajectory], tmp_path: Path) -> None:
    first = kept[0]
    others = [
        replace(first, trajectory_id="golden", golden=True),
        replace(first, trajectory_id="sampled", origin=Origin.SAMPLED),
        replace(first, trajectory_id="served", origin=Origin.SERVED),
        replace(first, trajectory_id="mixed", origin=Origin.MIXED),
        replace(first, trajectory_id="unanswered", messages=(*first.messages, text_message(Role.USER, "and?"))),
        replace(first, trajectory_id="open call", messages=first.messages[:-2]),
        replace(first, trajectory_id="twice", messages=(*first.messages, *[text_message(Role.USER, "and?")] * 2)),
    ]
    assert [task.task_id for task in _draw([first, *others], tmp_path).tasks] == [first.trajectory_id]


def test_shadow_served_runs_take_no_place_of_the_sample(kept: list[Trajectory], tmp_path: Path) -> None:
    served = [replace(kept[0], trajectory_id=f"served-{number}", origin=Origin.SERVED) for number in range(40)]
    assert len(_draw([*kept, *served], tmp_path, most=3).tasks) == 3


def test_shadow_run_that_ends_in_a_tool_result_is_a_task_without_a_last_answer() -> None:
    run = trajectory(user("find 7"), calls(("c1", "find", {"n": 7})), result("c1", "find", '{"n": 7}'))
    task = run_as_task(accepted([run])[0])
    assert (len(task.user_turns), task.ends_in_a_call(0)) == (1, True)


def test_shadow_day_without_runs_gives_no_task_and_starts_no_backend(tmp_path: Path) -> None:
    assert _draw([], tmp_path) == ShadowTasks(tasks=(), trained_on=frozenset(), left_out=0)


def test_shadow_failed_call_of_the_record_is_planned_as_one_that_fails(runs: list[Trajectory]) -> None:
    failing = [run for run in runs if any(m.role is Role.TOOL and m.text.startswith("Error: ") for m in run.messages)]
    assert failing
    assert any(call.fails for call in run_as_task(accepted(failing)[0]).plan)


def test_shadow_refusal_in_an_ordinary_result_is_a_call_that_must_be_made() -> None:
    """To the backend it went well, and rollouts are judged by what the backend says."""
    refused = result("c1", "find", '{"error": "no such order"}')
    run = trajectory(user("find 7"), calls(("c1", "find", {"n": 7})), refused, says("It is gone."))
    (row,) = accepted([run])
    task = run_as_task(row)
    assert [call.fails for call in task.plan] == [False]
    assert task.category == "error_then_explain"


def test_trained_on_counts_training_rows_and_their_near_duplicates(tmp_path: Path) -> None:
    table = {
        "trajectory_id": ["a", "b", "c", "d"],
        "side": ["train", "validation", "out", "out"],
        "duplicate_of": [None, None, "a", None],
    }
    pq.write_table(pa.table(table), tmp_path / SELECTION_FILE)
    assert trained_on(tmp_path) == {"a", "c"}


def test_shadow_without_a_sandbox_asks_for_the_steps_of_every_run(kept: list[Trajectory], tmp_path: Path) -> None:
    """Nothing is replayed, so a run whose recorded state is wrong is a task too."""
    spoiled = replace(kept[0], final_state_ref="sha256:" + "0" * 64)
    path = tmp_path / "accepted.parquet"
    write_accepted_rows(accepted([spoiled, *kept[1:3]]), path)
    drawn = shadow_tasks(
        accepted=path, trained_on=frozenset(), runs=100, at_least=3, sandbox=None, cwd=AGENT.folder
    )  # fmt: skip
    assert (len(drawn.tasks), drawn.left_out) == (3, 0)
    without = AGENT.model_copy(update={"sandbox": None})
    (tmp_path / "out").mkdir()
    metrics = evaluate(
        prepared(ScriptedModel(oracle(drawn.tasks)), "candidate"), tasks=drawn.tasks, settings=without,
        catalog=load_catalog(AGENT.path("catalog.json")), out=tmp_path / "out", progress=lambda _line: None,
    )  # fmt: skip
    assert metrics.n_tasks == 0
    assert metrics.step_scores == {task.task_id: 1.0 for task in drawn.tasks}
