"""No build reads a byte that was not committed: a damaged input stops every stage before its build."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import BuildContext, PartitionScope, Stage, StageError
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

DAY = "2026-10-02"
READS = [(stage.asset, asset) for stage in STAGES for asset in stage.inputs]
FILES = ("model/weights", "report.json")
"""A content file, and a file beside the content."""


class BuildWasReachedError(Exception):
    """Raised by a build that should not have been called."""


def everything_asked_for(tmp_path: Path) -> AgentSettings:
    """An agent whose stages read their optional inputs too."""
    return agent(
        tmp_path,
        name=AGENT,
        sandbox={"command": ["true"]},
        gate={"shadow": {"runs": 1}},
        training={"replay_share": 0.1},
    )


def without_build(asset: str) -> Stage:
    def build(_context: BuildContext) -> BuildOutput:
        raise BuildWasReachedError

    stage = next(each for each in STAGES if each.asset == asset)
    return replace(stage, build=build, sources=lambda _scope: {})


def run(stage: Stage, settings: AgentSettings, warehouse: Warehouse) -> None:
    day = DAY if stage.partitioned else None
    run_stage(stage, settings, day, warehouse, progress=lambda _line: None, run_id=None)


def commit_inputs(stage: Stage, warehouse: Warehouse) -> dict[str, Version]:
    """A small version of each input."""
    partitions = {asset: None if span is PartitionScope.WHOLE else DAY for asset, span in stage.inputs.items()}
    return {
        asset: commit(warehouse, asset, day, f"{asset} of {day}", files={"report.json": '{"rows": 10}'})
        for asset, day in partitions.items()
    }


def flip_last_digit(path: Path) -> None:
    """Change one byte; the file keeps its size and the time of its last change."""
    times, whole = path.stat(), bytearray(path.read_bytes())
    whole[-2] ^= 1
    path.write_bytes(bytes(whole))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_every_stage_with_inputs_is_tried() -> None:
    sources = {stage.asset for stage in STAGES if not stage.inputs}
    assert sources == {"tool_catalog", "base_model", "raw_trajectories"}
    assert {stage for stage, _ in READS} == {stage.asset for stage in STAGES} - sources


@pytest.mark.parametrize("asset", sorted({stage for stage, _ in READS}))
def test_build_is_reached_where_all_inputs_are_whole(tmp_path: Path, asset: str) -> None:
    stage, warehouse = without_build(asset), Warehouse(tmp_path / "warehouse")
    commit_inputs(stage, warehouse)
    with pytest.raises(BuildWasReachedError):
        run(stage, everything_asked_for(tmp_path), warehouse)


@pytest.mark.parametrize(("asset", "read"), READS)
def test_flipped_byte_in_an_input_stops_the_stage(tmp_path: Path, asset: str, read: str) -> None:
    stage, warehouse = without_build(asset), Warehouse(tmp_path / "warehouse")
    version = commit_inputs(stage, warehouse)[read]
    day = f"/{DAY}" if stage.partitioned else ""
    for name in FILES:
        flip_last_digit(version.file(name))
        with pytest.raises(StageError) as refused:
            run(stage, everything_asked_for(tmp_path), warehouse)
        said = str(refused.value)
        assert said.startswith(f"{AGENT}/{asset}{day}: its input {version.manifest.address} is damaged")
        assert str(version.file(name)) in said
        assert f"`toolft run {AGENT}" in said
        assert "\n" not in said
        flip_last_digit(version.file(name))


def test_figure_altered_in_a_manifest_stops_the_stage(tmp_path: Path) -> None:
    """Counts and figures are in no content digest: only the pointer's record of the manifest covers them."""
    stage, warehouse = without_build("champion"), Warehouse(tmp_path / "warehouse")
    manifest = commit_inputs(stage, warehouse)["eval_report"].file("manifest.json")
    record = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(record | {"headline": {"promote": True}}))
    with pytest.raises(StageError, match=r"eval_report.*manifest\.json"):
        run(stage, everything_asked_for(tmp_path), warehouse)


def test_every_damaged_input_is_named_at_once(tmp_path: Path) -> None:
    stage, warehouse = without_build("chat_rows"), Warehouse(tmp_path / "warehouse")
    versions = commit_inputs(stage, warehouse)
    damaged = [versions[asset] for asset in ("verified_trajectories", "tool_catalog")]
    for version in damaged:
        version.file("report.json").unlink()
    with pytest.raises(StageError) as refused:
        run(stage, everything_asked_for(tmp_path), warehouse)
    assert all(str(version.file("report.json")) in str(refused.value) for version in damaged)


@pytest.mark.parametrize("damaged", ["2026-10-01", DAY])
def test_every_day_of_a_window_is_verified(tmp_path: Path, damaged: str) -> None:
    stage, warehouse = without_build("training_set"), Warehouse(tmp_path / "warehouse")
    commit_inputs(stage, warehouse)
    commit(warehouse, "run_signatures", "2026-10-01", "the day before")
    version = warehouse.current(ArtifactKey(agent=AGENT, asset="run_signatures", partition=damaged))
    assert version is not None
    flip_last_digit(version.file("model/weights"))
    with pytest.raises(StageError, match=rf"run_signatures/{damaged} is damaged"):
        run(stage, everything_asked_for(tmp_path), warehouse)


@pytest.mark.parametrize("file", ["made", "manifest.json"])
def test_damaged_previous_version_is_not_handed_to_the_build(tmp_path: Path, file: str) -> None:
    """A build takes over rows of the version before it: they must be those that were committed."""
    warehouse, settings = Warehouse(tmp_path / "warehouse"), everything_asked_for(tmp_path)
    handed: list[Version | None] = []

    def build(context: BuildContext) -> BuildOutput:
        handed.append(context.previous)
        (context.out / "made").write_text("made")
        return BuildOutput(content=("made",), rows={}, headline={})

    stage = replace(without_build("champion"), build=build)
    commit_inputs(stage, warehouse)
    run(replace(stage, code_version="1"), settings, warehouse)
    run(replace(stage, code_version="2"), settings, warehouse)
    assert handed[1] is not None
    current = warehouse.current(ArtifactKey(agent=AGENT, asset="champion", partition=DAY))
    assert current is not None
    path = current.file(file)
    path.write_text(path.read_text().replace("made", "Made").replace('"duration_s": ', '"duration_s": 1'))
    run(replace(stage, code_version="3"), settings, warehouse)
    assert handed[2] is None


def test_version_that_fits_is_reused_without_its_inputs(tmp_path: Path) -> None:
    """Nothing is read, so nothing is verified: a model whose weights were reclaimed still has its champion."""
    warehouse = Warehouse(tmp_path / "warehouse")

    def build(context: BuildContext) -> BuildOutput:
        (context.out / "made").write_text("made")
        return BuildOutput(content=("made",), rows={}, headline={})

    stage = replace(without_build("champion"), build=build)
    version = commit_inputs(stage, warehouse)["merged_model"]
    run(stage, everything_asked_for(tmp_path), warehouse)
    version.file("model/weights").unlink()
    run(without_build("champion"), everything_asked_for(tmp_path), warehouse)
