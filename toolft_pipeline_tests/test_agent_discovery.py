"""An agent that cannot be loaded is left out and shown; the others are there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.agent_discovery import find_agents
from toolft_pipeline.agent_file import AGENT_FILE
from toolft_pipeline.cli.main import run
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.broken_agents import RELOAD, broken_agents_sensor
from toolft_pipeline.orchestration.doctor import Health, diagnose

WRONG = "chat: {format: gemma9}\nschedule: {time_zone: Europe/Berln}\n"


def outside_assistant(definitions: dg.Definitions) -> set[str]:
    """Assets that are neither the healthy agent's nor the page over all agents."""
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    return {key for key in keys if not key.startswith("assistant/")} - {"agents_overview"}


@pytest.fixture
def root(assistant_folder: Path) -> Path:
    return assistant_folder.parent


@pytest.fixture
def broken(root: Path) -> Path:
    """The file of a second agent, with two errors."""
    folder = root / "broken"
    folder.mkdir()
    path = folder / AGENT_FILE
    path.write_text((root / "assistant" / AGENT_FILE).read_text() + WRONG)
    return path


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.yaml")


def folder_for_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("a: ["),
        lambda path: path.write_text(""),
        lambda path: path.write_text("first_day: 2026-02-30\n"),
        lambda path: path.write_text("[" * 4000),
        lambda path: path.write_bytes(os.urandom(64) + b"\xff\x00"),
        lambda path: path.parent.rename(path.parent.parent / "Not-A-Name"),
        dangling,
        folder_for_file,
    ],
)
def test_find_agents_whatever_is_wrong_with_one_the_others_are_there(
    root: Path, broken: Path, damage: Callable[[Path], object]
) -> None:
    damage(broken)
    agents, left_out = find_agents(root)
    assert [agent.name for agent in agents] == ["assistant"]
    (one,) = left_out
    assert one.lines
    assert all(str(one.path) in line for line in one.lines)
    definitions = build_definitions(agents, left_out)
    dg.Definitions.validate_loadable(definitions)
    assert definitions.resolve_job_def("assistant_data")
    assert outside_assistant(definitions) == {
        f"{one.name.replace('-', '_')}/agent_file",
    }


def test_build_definitions_agent_that_dagster_refuses_is_left_out(root: Path) -> None:
    (agent,), _ = find_agents(root)
    other = agent.model_copy(update={"name": "other", "folder": root / "other", "owner": "nobody at all"})
    definitions = build_definitions([other, agent])
    assert outside_assistant(definitions) == {"other/agent_file"}
    assert definitions.resolve_job_def("assistant_data")


def test_broken_agents_of_like_names_have_an_asset_each(root: Path) -> None:
    for name in ("my-agent", "my agent", "ümlaut"):
        shutil.copytree(root / "assistant", root / name)
    agents, left_out = find_agents(root)
    definitions = build_definitions(agents, left_out)
    dg.Definitions.validate_loadable(definitions)
    names = ("my_agent", "my_agent_2", "_mlaut")
    assert outside_assistant(definitions) == {f"{name}/agent_file" for name in names}


def test_broken_agents_sensor_shows_a_red_check_and_says_when_the_file_is_fixed(root: Path, broken: Path) -> None:
    _, left_out = find_agents(root)
    sensor = broken_agents_sensor(left_out)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    red = sensor(dg.build_sensor_context())
    assert isinstance(red, dg.SensorResult)
    (event,) = red.asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert (event.asset_key, event.passed) == (dg.AssetKey(["broken", "agent_file"]), False)
    assert "gemma9" in (event.description or "")
    assert "Europe/Berln" in (event.description or "")
    assert isinstance(sensor(dg.build_sensor_context(cursor=red.cursor)), dg.SkipReason)

    broken.write_text((root / "assistant" / AGENT_FILE).read_text())
    green = sensor(dg.build_sensor_context(cursor=red.cursor))
    assert isinstance(green, dg.SensorResult)
    (event,) = green.asset_events
    assert (event.passed, event.description) == (True, RELOAD)


def test_broken_agents_asset_fails_with_all_errors_when_a_person_materializes_it(root: Path, broken: Path) -> None:
    definitions = build_definitions(*find_agents(root))
    (asset,) = [
        each
        for each in definitions.assets or ()
        if isinstance(each, dg.AssetsDefinition) and each.key == dg.AssetKey(["broken", "agent_file"])
    ]
    with pytest.raises(dg.Failure, match=r"gemma9(.|\n)*Europe/Berln"):
        dg.materialize([asset])


def test_command_line_runs_the_others_and_says_all_that_is_wrong_with_the_broken(
    root: Path, broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("TOOLFT_AGENTS", str(root))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path / "warehouse"))
    assert run(["run", "assistant", "--dry-run"]) == 0
    capsys.readouterr()
    assert run(["run", "broken", "--dry-run"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(f"toolft: {broken}: ")[2].partition(":")[0] for line in said] == [
        "chat.format",
        "schedule.time_zone",
    ]
    assert run(["run", "asistant"]) == 2
    assert "did you mean assistant?" in capsys.readouterr().err


def test_doctor_says_all_that_is_wrong_with_the_broken_and_that_others_are_fine(root: Path, broken: Path) -> None:
    found = list(diagnose(agents=root, warehouse=root / "warehouse", home=root))
    (of_broken,) = [one for one in found if one.subject == "agent broken"]
    assert of_broken.state is Health.BROKEN
    assert "gemma9" in of_broken.message
    assert "Europe/Berln" in of_broken.message
    assert {one.state for one in found if one.subject == "agent assistant"} == {Health.FINE}
