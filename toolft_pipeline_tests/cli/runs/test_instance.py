"""`toolft run` from anywhere, by two at once, without a dagster.yaml: one instance, that of the project folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.project import ProjectError
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

DAY = "2026-10-01"


def test_two_first_runs_at_once_from_elsewhere_share_one_instance(assistant_folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(assistant_folder, home / "data" / "assistant")
    unset = {"TOOLFT_AGENTS", "TOOLFT_WAREHOUSE"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"DAGSTER_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "toolft_pipeline.cli", "run", "assistant", "--from", DAY, "--to", DAY, "--data"]
    command += ["--stage", "raw_trajectories"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    runs = [subprocess.Popen(command, cwd=elsewhere, env=environment, **output) for _ in range(2)]  # type: ignore[call-overload]
    said = [run.communicate(timeout=HANG_S)[0] for run in runs]
    assert not any("Traceback" in text for text in said), said

    databases = sorted(home.rglob("*.db"))
    assert {"index", "runs", "schedules"} <= {database.stem for database in databases}
    for database in databases:
        assert database.is_relative_to(home / "data" / ".dagster")
        assert len(sqlite3.connect(database).execute("SELECT version_num FROM alembic_version").fetchall()) == 1
    assert not list(elsewhere.iterdir())
    assert (home / "data" / ".warehouse" / "assistant" / "raw_trajectories" / DAY).is_dir()
    assert yaml.safe_load((home / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}
    assert sum("wrote" in text for text in said) == 1


def test_instance_of_a_folder_that_dagster_filled_before_keeps_its_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "")  # restored afterwards, whatever the code under test sets
    monkeypatch.delenv("DAGSTER_DISABLE_TELEMETRY")
    (tmp_path / "history").mkdir()
    with open_instance() as instance:
        assert instance.storage_directory() == str(tmp_path / "storage")
    assert not (tmp_path / "dagster.yaml").exists()
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert "has no dagster.yaml" in capsys.readouterr().out


def test_instance_of_a_place_that_cannot_be_written_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("in the way")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with (
        pytest.raises(ProjectError, match=r"not writable .*; change its permissions, or set DAGSTER_HOME"),
        open_instance(),
    ):
        pass


def test_packaged_dagster_yaml_is_that_of_the_repository() -> None:
    for name in ("dagster.yaml", "workspace.yaml"):
        packaged = REPOSITORY / "toolft_pipeline" / "project_template" / name
        assert packaged.read_text() == (REPOSITORY / name).read_text()
