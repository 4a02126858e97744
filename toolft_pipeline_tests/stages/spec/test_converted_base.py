"""One conversion for all agents of a warehouse that name the same base."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import base_model
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.training.base import base_model as conversion
from toolft_pipeline.warehouse.store import Version, Warehouse, damaged_files
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.family_snapshots import write_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "qwen3"
    write_snapshot(folder, "qwen3")
    return folder


def build(settings: AgentSettings, root: Path, *, force: bool = False) -> tuple[Version, list[str]]:
    said: list[str] = []
    version, _ = run_stage(
        base_model.STAGE, settings, None, Warehouse(root), progress=said.append, run_id=None, force=force
    )
    return version, said


def named(name: str, folder: Path, snapshot: Path) -> AgentSettings:
    return agent(folder, name=name, base_model={"folder": str(snapshot)}, chat={"format": "qwen3"})


def test_second_agent_shares_the_conversion_of_the_first(snapshot: Path, tmp_path: Path) -> None:
    first, _ = build(named("one", tmp_path, snapshot), tmp_path / "warehouse")
    second, said = build(named("two", tmp_path, snapshot), tmp_path / "warehouse")
    assert second.manifest.content_digest == first.manifest.content_digest
    assert second.manifest.rows == first.manifest.rows
    assert [line for line in said if "its files are shared" in line]
    names = sorted(path.relative_to(first.folder) for path in (first.folder / "model").glob("*.safetensors"))
    assert names
    assert all((first.folder / name).samefile(second.folder / name) for name in names)
    assert not damaged_files(second)


def test_forced_run_converts_again_and_harms_no_other_agent(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = build(named("one", tmp_path, snapshot), tmp_path / "warehouse")
    copied: list[Path] = []
    copy = conversion.copy_model

    def counted(folder: Path, into: Path) -> None:
        copied.append(folder)
        copy(folder, into)

    monkeypatch.setattr(conversion, "copy_model", counted)
    build(named("two", tmp_path, snapshot), tmp_path / "warehouse")
    assert not copied
    build(named("two", tmp_path, snapshot), tmp_path / "warehouse", force=True)
    assert len(copied) == 1
    assert not damaged_files(first)
