"""An impact analysis against what then happens: a proposal is put in force and the same days verified for real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages import (
    base_model,
    chat_rows,
    raw_trajectories,
    run_signatures,
    tool_catalog,
    verified_trajectories,
)
from toolft_pipeline.stages.planning.impact_analysis import AssetImpact, ImpactAnalysis, analyze_impact
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import StageError
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY

DAYS = ["2026-10-01", "2026-10-02"]
MADE = (
    tool_catalog.STAGE,
    base_model.STAGE,
    raw_trajectories.STAGE,
    verified_trajectories.STAGE,
    run_signatures.STAGE,
    chat_rows.STAGE,
)


@dataclass(frozen=True)
class Site:
    settings: AgentSettings
    warehouse: Warehouse

    def make(self) -> None:
        for day in DAYS:
            for stage in MADE:
                run_stage(stage, self.settings, day, self.warehouse, progress=lambda _line: None, run_id=None)

    def version(self, asset: str, day: str | None) -> Version:
        version = self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=day))
        assert version is not None
        return version

    def accepted(self) -> set[tuple[str, str]]:
        return {
            (day, id_)
            for day in DAYS
            for id_ in pq.read_table(self.version("verified_trajectories", day).file("accepted.parquet"))
            .column("trajectory_id")
            .to_pylist()
        }

    def analyze_impact(self, catalog: Path) -> ImpactAnalysis:
        return analyze_impact(STAGES, self.settings, self.warehouse, catalog=catalog, days=DAYS)

    def proposal(self, change: Callable[[dict[str, Any]], None]) -> Path:
        """The catalog in force with a change made to its tool `calculate`."""
        document = json.loads(self.settings.path("catalog.json").read_text())
        change(next(tool for tool in document["tools"] if tool["name"] == "calculate"))
        path = self.settings.path("proposed.json")
        path.write_text(json.dumps(document))
        return path


@pytest.fixture(scope="module")
def site(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("impact")
    folder = shutil.copytree(REPOSITORY / "data" / "assistant", root / "assistant")
    tiny = {"base_model": BaseModelSettings(folder=str(tiny_model_folder))}
    site = Site(load_agent(folder / "agent.yaml").model_copy(update=tiny), Warehouse(root / "warehouse"))
    site.make()
    return site


def rebuilt(found: ImpactAnalysis, asset: str) -> tuple[int, int, int]:
    one: AssetImpact = next(each for each in found.assets if each.asset == asset)
    return one.rebuilt, one.same, one.kept


def test_impact_of_another_description_touches_no_row(site: Site) -> None:
    found = site.analyze_impact(site.proposal(lambda tool: tool.update(description="Reckon.")))
    assert (found.lost, found.undemonstrated, found.diff.breaking) == ([], (), False)
    assert rebuilt(found, "verified_trajectories") == (2, 2, 0)
    assert rebuilt(found, "chat_rows") == (2, 2, 0)
    assert rebuilt(found, "run_signatures") == (0, 0, 2)
    assert rebuilt(found, "training_set") == (1, 1, 0)
    assert rebuilt(found, "qlora_adapter") == (0, 0, 1)
    assert rebuilt(found, "eval_report") == (1, 0, 0)
    assert [day.replayed for day in found.days] == [0, 0]


def test_impact_of_the_catalog_in_force_is_nothing(site: Site) -> None:
    found = site.analyze_impact(site.settings.path("catalog.json"))
    assert (str(found.diff), found.lost, found.seconds) == ("no change", [], 0.0)
    assert not any(each.rebuilt for each in found.assets)


def test_impact_before_any_run_is_one_line(site: Site, tmp_path: Path) -> None:
    fresh = Site(site.settings, Warehouse(tmp_path / "warehouse"))
    with pytest.raises(StageError, match=r"tool_catalog has no version; run `toolft run assistant` first"):
        fresh.analyze_impact(site.settings.path("catalog.json"))


def test_impact_loses_the_runs_that_the_day_then_rejects(site: Site) -> None:
    """The last test of the module: it changes the site."""

    def demand(tool: dict[str, Any]) -> None:
        tool["inputSchema"]["properties"]["precision"] = {"type": "integer"}
        tool["inputSchema"]["required"].append("precision")

    proposal = site.proposal(demand)
    found = site.analyze_impact(proposal)
    before = site.accepted()
    shutil.copy(proposal, site.settings.path("catalog.json"))
    site.make()
    lost = before - site.accepted()
    assert lost
    assert {(run.day, run.trajectory_id) for run in found.lost} == lost
    assert all("precision" in run.why for run in found.lost)
    assert found.undemonstrated == ("calculate",)
    assert found.diff.breaking
    assert sum(day.kept for day in found.days) == len(site.accepted())
    assert [day.replayed for day in found.days] == [
        site.version("verified_trajectories", day).manifest.headline["replayed"] for day in DAYS
    ]
    assert rebuilt(found, "raw_trajectories") == (0, 0, 2)
    assert rebuilt(found, "chat_rows") == (2, 0, 0)
    assert rebuilt(found, "qlora_adapter") == (1, 0, 0)
    headline = site.version("tool_catalog", None).manifest.headline
    assert headline["breaking"]
    assert str(headline["change"]) == str(found.diff) == "~ calculate (breaking): new required parameter precision"
