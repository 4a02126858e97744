"""What lies outside the warehouse is identified by path: no file hides another of the same name."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.stages.spec import sources
from toolft_pipeline_tests.agents import agent


@pytest.mark.parametrize("changed", ["backend/rules.py", "backend/orders/rules.py"])
def test_sandbox_sees_a_change_in_either_file_of_one_name(changed: str, tmp_path: Path) -> None:
    settings = agent(tmp_path, sandbox={"command": ["python", "backend/server.py"]})
    for name in ("backend/server.py", "backend/rules.py", "backend/orders/rules.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("LIMIT = 1\n")
    before = sources.sandbox(settings)
    (tmp_path / changed).write_text("LIMIT = 2\n")
    assert sources.sandbox(settings) != before


@pytest.mark.parametrize("changed", ["chat_template.jinja", "additional_chat_templates/chat_template.jinja"])
def test_base_model_sees_a_change_in_either_template_of_one_name(
    changed: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_model_folder.iterdir():
        (folder / file.name).symlink_to(file)
    for name in ("chat_template.jinja", "additional_chat_templates/chat_template.jinja"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text("{{ messages }}")
    settings = agent(tmp_path)
    before = sources.base_model(settings.base_model, agent=settings)
    (folder / changed).write_text("{{ messages }} ")
    assert sources.base_model(settings.base_model, agent=settings) != before
