from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run
from toolft_pipeline.orchestration import doctor
from toolft_pipeline.orchestration.doctor import Diagnosis, Health, diagnose
from toolft_pipeline_tests.conftest import REPOSITORY


@pytest.fixture
def root(assistant_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with one agent, a warehouse with one raw day, and a GPU for the command line to find."""
    root = assistant_folder.parent.parent
    shutil.copy(REPOSITORY / "dagster.yaml", root)
    raw = root / "warehouse" / "assistant" / "raw_trajectories" / "2026-10-01" / "versions" / "v1"
    raw.mkdir(parents=True)
    (raw / "trajectories.parquet").touch(mode=0o600)
    monkeypatch.setenv("TOOLFT_DEVICES", "0")
    monkeypatch.setenv("TOOLFT_AGENTS", str(root / "agents"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(root / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", str(root))
    return root


def found(root: Path) -> dict[str, Diagnosis]:
    return {one.subject: one for one in diagnose(agents=root / "agents", warehouse=root / "warehouse", home=root)}


def test_doctor_has_nothing_to_fix_where_all_is_well(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 0)
    health = found(root)
    assert {one.state for one in health.values()} == {Health.FINE}, health
    names = ["packages", "accelerator", "warehouse", "dagster", "raw zone", "agent assistant", "sandbox assistant"]
    assert list(health) == names
    assert "a model's evaluation on 20 tasks takes the backend about" in health["sandbox assistant"].message
    assert health["agent assistant"].message == "5 log files, no model yet"
    assert run(["doctor"]) == 0


def edit(root: Path, old: str, new: str) -> None:
    path = root / "agents" / "assistant" / "agent.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def open_raw_zone(root: Path) -> None:
    next(root.glob("warehouse/*/raw_trajectories/*/versions/*/*.parquet")).chmod(0o644)


@pytest.mark.parametrize(
    ("damage", "subject", "message", "fix"),
    [
        (lambda root: (root / "dagster.yaml").unlink(), "dagster", "has no dagster.yaml", "DAGSTER_HOME"),
        (open_raw_zone, "raw zone", "1 files are readable by other users", "chmod 600"),
        (lambda root: edit(root, "catalog.json", "nowhere.json"), "agent assistant", "nowhere.json", "catalog.file"),
        (lambda root: edit(root, "first_day", "frist_day"), "agent assistant", "first_day: is missing", "agent file"),
        (
            lambda root: edit(root, "command: [python,", "command: [pyhton,"),
            "agent assistant",
            "pyhton",
            "sandbox.command",
        ),
        (
            lambda root: (root / "agents" / "assistant" / "backend" / "server.py").write_text("raise SystemExit('no')"),
            "sandbox assistant",
            "stderr ends with: no",
            "fix what the message names",
        ),
        (lambda root: shutil.rmtree(root / "agents" / "assistant"), "agents", "no agent below", "TOOLFT_AGENTS"),
    ],
)
def test_doctor_names_what_is_broken_and_its_fix(
    root: Path,
    damage: Callable[[Path], None],
    subject: str,
    message: str,
    fix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(root)
    finding = found(root)[subject]
    assert finding.state is Health.BROKEN
    assert message in finding.message
    assert fix in finding.fix
    assert run(["doctor"]) == 1
    assert finding.fix in capsys.readouterr().out


def test_doctor_names_a_package_that_does_not_fit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _name: ["pyarrow<1", "no-such-package>=1"])
    health = found(root)["packages"]
    assert health.state is Health.BROKEN
    assert "pyarrow" in health.message
    assert "no-such-package is missing" in health.message


def test_doctor_says_where_space_or_a_gpu_is_short(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLFT_DEVICES", "cpu")
    monkeypatch.setattr(doctor, "FREE_BYTES", 1 << 60)
    health = found(root)
    assert {health["accelerator"].state, health["warehouse"].state} == {Health.LOOK}
    assert run(["doctor"]) == 0
