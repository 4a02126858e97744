"""The built wheel, installed in an environment of its own, makes a project that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY

pytestmark = pytest.mark.wheel

DAY = "2026-10-01"
LOADED = """
import toolft_pipeline, dagster as dg
from toolft_pipeline.definitions import defs
assert "site-packages" in toolft_pipeline.__file__, toolft_pipeline.__file__
from toolft_pipeline.evaluation.scoring.probes import load_probes
assert len(load_probes()) > 200
agents = {key.path[0] for key in defs.resolve_asset_graph().get_all_asset_keys()} - {"agents_overview"}
print(*agents, dg.DagsterInstance.get().telemetry_enabled)
"""


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment: the wheel, and the libraries of the one that runs the tests."""

    folder: Path
    home: Path

    def run(self, *command: str, here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH") if name in os.environ}
        environment = kept | {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "HF_HUB_OFFLINE": "1",
            **variables,
        }
        return subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=HANG_S
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("toolft_pipeline", "data/assistant"):
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(root), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=HANG_S)
    (wheel,) = root.glob("*.whl")
    folder = root / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=HANG_S)
    python = str(folder / "bin" / "python")
    install = [*pip, "--python", python, "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=HANG_S)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = root / "home"
    home.mkdir()
    return Environment(folder, home)


def test_wheel_makes_a_project_that_lints_loads_and_runs_its_data(
    environment: Environment, tiny_model_folder: Path, tmp_path: Path
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert environment.run("toolft", "init", str(project), here=elsewhere).returncode == 0
    linted = environment.run("toolft", "lint", "data/assistant/logs", here=project)
    assert linted.returncode in {0, 1}, linted.stderr
    assert "50 " in linted.stdout
    doctor = environment.run("toolft", "doctor", here=project)
    assert f"instance of {project}" in doctor.stdout, doctor.stderr
    assert "agent assistant" in doctor.stdout

    loaded = environment.run("python", "-c", LOADED, here=elsewhere, DAGSTER_HOME=str(project))
    assert loaded.stdout.split() == ["assistant", "False"], loaded.stderr

    base = f"base_model={{folder: {tiny_model_folder}}}"
    run = ("toolft", "run", "assistant", "--data", "--from", DAY, "--to", DAY, "--set", base)
    ran = environment.run(*run, here=elsewhere, DAGSTER_HOME=str(project))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = project / "data" / ".warehouse" / "assistant"
    assert {path.name for path in made.iterdir()} >= {"base_model", "tool_catalog", "token_tensors"}
    assert list(elsewhere.iterdir()) == []
    assert list(environment.home.glob(".dagster*")) == []


def test_wheel_without_a_project_says_what_to_do(environment: Environment, tmp_path: Path) -> None:
    refused = environment.run("toolft", "run", "assistant", here=tmp_path)
    assert refused.returncode == 2
    assert "`toolft init DIR` makes a new project" in refused.stderr
    assert refused.stderr.count("\n") == 1
    warned = environment.run(
        "python", "-c", "import toolft_pipeline.definitions", here=tmp_path, DAGSTER_HOME=str(tmp_path)
    )
    assert "has no dagster.yaml: Dagster's telemetry is on" in warned.stderr
