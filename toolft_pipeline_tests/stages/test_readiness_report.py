"""readiness_report: a night counts the new day of logs alone, and a change of the catalog counts all days again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.catalog.build import build_catalog, load_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.readiness_report import logged_days
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.trajectories.row_writer import write_trajectories
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

DAYS = ("2026-10-01", "2026-10-02", "2026-10-03")
FIND = {"name": "find", "description": "", "inputSchema": {"type": "object"}}


class Nights:
    """One agent's logs and catalog in a warehouse, and what each night's count says."""

    def __init__(self, root: Path) -> None:
        self.warehouse, self.settings = Warehouse(root / "warehouse"), agent(root)
        self.root, self.said, self.raw = root, list[str](), dict[str, Version]()
        for number, day in enumerate(DAYS, start=1):
            runs = [
                trajectory(
                    user("hi"), calls(("a", "find", {})), result("a", "find", "{}"), says("ok"), id_=f"{day}/{n}"
                )
                for n in range(number)
            ]
            with self.warehouse.staging(self._address("raw_trajectories", day)) as staged:
                write_trajectories(runs, staged / "trajectories.parquet")
                self.raw[day] = self._commit("raw_trajectories", day, staged)
        self.change_catalog(FIND)

    def change_catalog(self, *tools: dict[str, object]) -> None:
        (self.root / "catalog.json").write_text(json.dumps({"tools": tools}))
        with self.warehouse.staging(self._address("tool_catalog", None)) as staged:
            build_catalog(self.settings, staged)
            self.catalog = self._commit("tool_catalog", None, staged)

    def count(self, *days: str, settings: AgentSettings | None = None) -> list[int]:
        """Runs of each day that a night finds."""
        context = BuildContext(
            settings=settings or self.settings,
            partition=days[-1],
            inputs={"raw_trajectories": {day: self.raw[day] for day in days}, "tool_catalog": {"all": self.catalog}},
            out=self.root,
            scratch=self.root,
            warehouse=self.warehouse,
            progress=self.said.append,
            run_id=None,
        )
        return [day.runs.runs for day in logged_days(context, load_catalog(self.catalog.folder))]

    def _address(self, asset: str, day: str | None) -> ArtifactKey:
        return ArtifactKey(agent=self.settings.name, asset=asset, partition=day)

    def _commit(self, asset: str, day: str | None, staged: Path) -> Version:
        content = tuple(path.name for path in staged.iterdir())
        recipe = Recipe(
            address=self._address(asset, day), fingerprint=f"{asset}{day}" * 4, code_version="1", settings={}, inputs={}
        )
        built = BuildOutput(content=content, rows={}, headline={})
        return self.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_readiness_counts_the_new_day_alone(nights: Nights) -> None:
    assert nights.count(*DAYS[:2]) == [1, 2]
    assert nights.count(*DAYS[1:]) == [2, 3]
    assert [line.partition(" days")[0] for line in nights.said] == [
        "counted the logged runs of 2 of 2",
        "counted the logged runs of 1 of 2",
    ]


def test_readiness_counts_every_day_again_with_another_catalog_or_key(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.count(*DAYS)
    nights.change_catalog(FIND, {**FIND, "name": "fax"})
    nights.count(*DAYS)
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "another")
    nights.count(*DAYS)
    assert all("of 3 of 3 days" in line for line in nights.said)
