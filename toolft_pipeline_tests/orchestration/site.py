"""An agent with logs, a warehouse and a real Dagster instance of its own, for tests of what starts by itself."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._daemon.asset_daemon import AssetDaemonCursor

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.conditions import automation_sensor
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
"""The day after the last day of the agent `assistant`'s logs."""


_MEMORY = "/dev/shm"
"""SQLite waits for the disk at each of the thousand events of a test; in memory it is the same SQLite."""


@dataclass
class Site:
    """One installation. `cursor` is where the automation's last evaluation stopped."""

    folder: Path
    warehouse: Warehouse
    instance: dg.DagsterInstance
    cursor: AssetDaemonCursor

    @property
    def settings(self) -> AgentSettings:
        return load_agent(self.folder / AGENT_FILE)

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions([self.settings])

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([self.settings.name, asset])

    def configure(self, **sections: Any) -> None:
        """Replace or add sections of the agent file."""
        path = self.folder / AGENT_FILE
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))

    def current(self, asset: str, day: str | None = None) -> Version:
        version = self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=day))
        assert version is not None
        return version

    def run(self, job: str, day: str | None = None, **how: Any) -> dg.ExecuteInProcessResult:
        """One run of a job in this process; `assets` in `how` narrows it."""
        assets = how.pop("assets", None)
        result = self.definitions.resolve_job_def(f"{self.settings.name}_{job}").execute_in_process(
            instance=self.instance,
            partition_key=day,
            asset_selection=None if assets is None else [self.key(asset) for asset in assets],
            **how,
        )
        return result

    def evaluate(self, *, now: datetime = NOON) -> list[dg.RunRequest]:
        """One tick of the declared automation, as the daemon evaluates it: the runs and backfills that it asks for."""
        graph = self.definitions.resolve_asset_graph()
        context = AutomationTickEvaluationContext(
            evaluation_id=self.cursor.evaluation_id,
            instance=self.instance,
            asset_graph=graph,
            cursor=self.cursor,
            materialize_run_tags={},
            observe_run_tags={},
            auto_observe_asset_keys=set(),
            asset_selection=automation_sensor(self.settings).asset_selection,
            emit_backfills=automation_sensor(self.settings).emit_backfills,
            default_condition=None,
            logger=logging.getLogger("test"),
            evaluation_time=now,
        )
        requests, self.cursor, _ = context.evaluate()
        return list(requests)


@contextmanager
def opened(folder: Path, warehouse: Path) -> Iterator[Site]:
    """A site whose environment holds for the length of a `with` block."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as place,
        dg.instance_for_test(temp_dir=place) as instance,
    ):
        patch.setenv("TOOLFT_AGENTS", str(folder.parent))
        patch.setenv("TOOLFT_WAREHOUSE", str(warehouse))
        yield Site(folder, Warehouse(warehouse), instance, AssetDaemonCursor.empty())
