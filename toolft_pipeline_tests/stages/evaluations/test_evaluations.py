"""Evaluations nested in a report: reused by default, made again where a person asks to make everything again."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.store import Built, Warehouse
from toolft_pipeline_tests.agents import agent


def judged(root: Path, *, force: bool, run_id: str | None = None) -> bool:
    """Ask for one nested version; whether it was built."""
    built: list[Path] = []

    def build(_settings: AgentSettings, out: Path) -> Built:
        (out / "steps.json").write_text(str(len(list((root / "warehouse").rglob("steps.json")))))
        built.append(out)
        return Built(content=("steps.json",), rows={}, headline={})

    context = BuildContext(
        settings=agent(root), partition="2026-10-02", inputs={}, out=root, scratch=root,
        warehouse=Warehouse(root / "warehouse"), progress=lambda _line: None, run_id=run_id, force=force,
    )  # fmt: skip
    evaluation = Artifact(asset="evaluation", code_version="1")
    nested_version(context, evaluation, partition="base", inputs={}, build=build)
    return bool(built)


def test_nested_version_is_reused_unless_forced(tmp_path: Path) -> None:
    assert [judged(tmp_path, force=force) for force in (False, False, True, True)] == [True, False, True, True]


def test_nested_version_of_the_same_forced_run_is_reused_by_its_next_try(tmp_path: Path) -> None:
    assert [judged(tmp_path, force=True, run_id=run) for run in ("a", "a", "b")] == [True, False, True]
