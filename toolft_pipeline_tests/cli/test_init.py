"""`toolft init` writes a project that loads, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from toolft_pipeline.agent_discovery import find_agents
from toolft_pipeline.cli import init
from toolft_pipeline.cli.main import run
from toolft_pipeline.settings_checks.named_things import missing_things


def test_init_writes_a_project_whose_agent_is_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "new" / "project"
    assert run(["init", str(project)]) == 0
    assert f"next: cd {project}" in capsys.readouterr().out
    assert sorted(path.name for path in project.iterdir()) == [
        ".gitignore",
        "README.md",
        "dagster.yaml",
        "data",
        "workspace.yaml",
    ]
    assert yaml.safe_load((project / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}
    assert len((project / "README.md").read_text().splitlines()) < 20
    agents, broken = find_agents(project / "data")
    assert ([agent.name for agent in agents], broken) == (["assistant"], [])
    assert [each for each in missing_things(agents[0], for_model=True) if "not installed" not in each.message] == []
    assert not [path for path in project.rglob("*") if path.is_symlink() or path.name == "__pycache__"]
    assert [path.name for path in project.parent.iterdir()] == ["project"]


def test_init_takes_a_folder_that_is_empty(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / "dagster.yaml").is_file()


def test_init_refuses_whatever_is_there_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "full" / "notes.txt"
    file.parent.mkdir()
    file.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for place, words in ((file.parent, "not empty"), (file, "not a folder"), (link, "not a folder"), (file / "x", "")):
        assert run(["init", str(place)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"toolft: {place}: ")
        assert words in said
        assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "link", "notes.txt"]
    assert file.read_text() == "mine"


def test_init_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(init, "_write", full_disk)
    assert run(["init", str(tmp_path / "project")]) == 2
    assert list(tmp_path.iterdir()) == []
