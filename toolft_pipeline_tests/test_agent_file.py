"""An agent file says what it may say, and everything else is one line with file, key and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.agent_file import SettingsError, agent_files, load_agent

MINIMAL = """
first_day: "2026-10-01"
catalog: {file: catalog.json}
base_model: {folder: model}
"""


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    path = folder / "agent.yaml"
    path.write_text(MINIMAL)
    return path


def test_load_agent_minimal_file_takes_name_from_folder_and_published_defaults(agent_file: Path) -> None:
    settings = load_agent(agent_file)
    assert settings.name == "desk"
    assert (settings.training.lora_r, settings.training.lora_alpha, settings.training.lora_dropout) == (16, 32, 0.05)
    assert settings.training.learning_rate == 2e-4
    assert len(settings.training.target_modules) == 7


def test_load_agent_overrides_are_typed_and_checked(agent_file: Path) -> None:
    settings = load_agent(agent_file, overrides={"training.epochs": "2", "chat.catalog_mode": "full"})
    assert settings.training.epochs == 2.0
    assert settings.chat.catalog_mode == "full"
    with pytest.raises(SettingsError, match=r"training\.epochs"):
        load_agent(agent_file, overrides={"training.epochs": "-1"})
    with pytest.raises(SettingsError, match="is not a section"):
        load_agent(agent_file, overrides={"first_day.x": "1"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "trainning: {}\n", r"trainning: unknown key; remove it or fix its spelling"),
        (MINIMAL + "training: {epochs: many}\n", r"training\.epochs: Input should be a valid number"),
        (MINIMAL + "window_days: 100\n", r"window_days: Input should be less than or equal to 99"),
        (MINIMAL.replace('first_day: "2026-10-01"', ""), r"first_day: is missing; add it"),
        (MINIMAL.replace("{folder: model}", "{folder: model, hub: x}"), r"base_model: name exactly one source"),
        (MINIMAL + "verification: {redaction: {allow: ['(']}}\n", r"allow: .* is not a valid regular expression"),
        ("[1, 2]", r"expected a mapping of keys, found list"),
        ("a: [", r"cannot be read as YAML"),
    ],
)
def test_load_agent_impossible_file_is_one_line_naming_file_and_fix(agent_file: Path, text: str, message: str) -> None:
    agent_file.write_text(text)
    with pytest.raises(SettingsError, match=message) as raised:
        load_agent(agent_file)
    assert str(agent_file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_load_agent_missing_file_says_what_an_agent_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"an agent is a folder with an agent\.yaml"):
        load_agent(tmp_path / "none" / "agent.yaml")


def test_agent_files_hidden_folder_is_no_agent(agent_file: Path) -> None:
    hidden = agent_file.parent.parent / ".warehouse"
    hidden.mkdir()
    (hidden / "agent.yaml").write_text(MINIMAL)
    assert agent_files(agent_file.parent.parent) == [agent_file]
