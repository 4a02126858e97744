"""Pruning as people start it: the job on an instance, and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli.main import run
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.prune import PARTITION_TAG, RANGE_TAG, unfinished_runs
from toolft_pipeline.orchestration.runs.process_identity import this_process
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

DAY = "2026-10-01"
LONG_AGO = datetime.now(UTC) - timedelta(days=100)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "data" / AGENT
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text(
        'first_day: "2026-10-01"\ncatalog: {file: c.json}\nbase_model: {folder: m}\nretention: {keep_versions: 1}\n'
    )
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    places = {"DAGSTER_HOME": tmp_path, "TOOLFT_AGENTS": folder.parent, "TOOLFT_WAREHOUSE": tmp_path / "warehouse"}
    for name, place in places.items():
        monkeypatch.setenv(name, str(place))
    (tmp_path / "data" / ".dagster").mkdir()
    with dg.DagsterInstance.get() as opened:
        yield opened


@pytest.fixture
def replaced(instance: dg.DagsterInstance, tmp_path: Path) -> Version:
    """A version that another took the place of a hundred days ago."""
    warehouse = Warehouse(tmp_path / "warehouse")
    old = commit(warehouse, "raw_trajectories", DAY, "old")
    commit(warehouse, "raw_trajectories", DAY, "new")
    folder = old.folder.parent.parent
    for pointer in pointer_history(folder):
        record = msgspec.structs.replace(pointer, created_at=LONG_AGO.isoformat())
        (folder / "pointers" / f"{pointer.number:08d}.json").write_bytes(msgspec.json.encode(record))
    return old


def unfinished(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that has begun and not ended; returns its id."""
    job = dg.job(name="stands_for_a_retrain")(lambda: None)
    return instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags).run_id


def test_prune_job_takes_away_what_the_agent_file_lets_go_and_a_dry_run_does_not(
    instance: dg.DagsterInstance, replaced: Version, tmp_path: Path
) -> None:
    agent = load_agent(tmp_path / "data" / AGENT / "agent.yaml")
    job = build_definitions([agent]).resolve_job_def(f"{AGENT}_prune")
    config = {"ops": {f"{AGENT}_prune_warehouse": {"config": {"dry_run": True}}}}
    assert job.execute_in_process(instance=instance, run_config=config).success
    assert replaced.folder.is_dir()
    assert job.execute_in_process(instance=instance).success
    assert not replaced.folder.exists()


def test_prune_prints_what_goes_and_the_bytes_and_then_it_is_gone(
    instance: dg.DagsterInstance, replaced: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(path.stat().st_size for path in replaced.folder.rglob("*") if path.is_file())
    assert run(["prune", AGENT, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    name = f"{AGENT}/raw_trajectories/{DAY}  {replaced.folder.name}"
    assert lines == [
        f"version  {name}  {size:,} bytes, not current since {LONG_AGO:%Y-%m-%d}",
        f"1 versions, 0 contents, 0 leftovers: {size:,} bytes",
        "dry run: nothing was deleted",
    ]
    assert replaced.folder.is_dir()
    assert run(["prune", AGENT]) == 0
    assert not replaced.folder.exists()


def test_prune_beside_a_run_of_a_living_process_says_what_stays_for_it(
    instance: dg.DagsterInstance, replaced: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished(instance, **{PROCESS_TAG: this_process().text, PARTITION_TAG: DAY})
    assert run(["prune", AGENT, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("1 unfinished runs: versions in force since 20")


def test_active_runs_name_their_days_and_one_of_a_range_none(instance: dg.DagsterInstance) -> None:
    assert unfinished_runs(instance).runs == 0
    own = unfinished(instance, **{PARTITION_TAG: DAY})
    found = unfinished_runs(instance)
    assert (found.runs, found.days) == (1, frozenset({DAY}))
    assert found.since is not None
    assert abs(found.since - datetime.now(UTC)) < timedelta(minutes=5)
    assert unfinished_runs(instance, but=own).runs == 0
    unfinished(instance, **{RANGE_TAG: DAY})
    assert unfinished_runs(instance).days is None
