"""The project folder is the same from any working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.agent_file import agents_root, warehouse_root
from toolft_pipeline.project import ProjectError, in_project, project_root


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dagster.yaml and a folder below it; no variable names either."""
    for name in ("DAGSTER_HOME", "TOOLFT_AGENTS", "TOOLFT_WAREHOUSE"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path.resolve() / "project"
    (project / "data" / "desk").mkdir(parents=True)
    (project / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return project


def test_project_root_dagster_home_beats_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(project))
    monkeypatch.chdir(elsewhere)
    assert project_root() == project
    assert (agents_root(), warehouse_root()) == (project / "data", project / "data" / ".warehouse")


def test_project_root_below_the_project_is_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "data" / "desk")
    assert project_root() == project
    assert agents_root() == project / "data"


def test_project_root_outside_of_any_project_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    with pytest.raises(ProjectError, match=r"change to the project's folder, or set DAGSTER_HOME"):
        agents_root()


def test_in_project_relative_variable_follows_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(project))
    monkeypatch.setenv("TOOLFT_AGENTS", "agents")
    monkeypatch.setenv("TOOLFT_WAREHOUSE", "/somewhere/else")
    monkeypatch.chdir("/")
    assert (agents_root(), warehouse_root()) == (project / "agents", Path("/somewhere/else"))
    assert in_project("data/.dagster") == project / "data" / ".dagster"
