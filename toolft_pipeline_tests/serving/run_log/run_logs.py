"""A run log on a folder of its own, and what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolft_pipeline.ingest.day import RawSummary
from toolft_pipeline.serving.run_log.open_runs import RunLogPlace
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline_tests.agents import agent, read_agent_day

DAY = "2026-11-29"


class Clock:
    """Noon of the day, in UTC."""

    def __init__(self) -> None:
        self.seconds = 1_795_953_600.0

    def __call__(self) -> float:
        return self.seconds


def open_log(folder: Path, clock: Clock, *, time_zone: str = "UTC") -> RunLog:
    place = RunLogPlace(folder=folder / "logs", agent="tester", time_zone=time_zone, idle_s=900.0, key=b"key")
    log = RunLog(place, now=clock)
    log.start()
    return log


def day_files(folder: Path) -> list[Path]:
    return sorted((folder / "logs").glob("*.jsonl"))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in day_files(folder) for line in path.read_text().splitlines()]


def read(folder: Path, *, day: str = DAY, **sections: Any) -> tuple[RawSummary, list[Trajectory]]:
    out = folder / f"raw-{len(list(folder.glob('raw-*')))}"
    out.mkdir()
    summary = read_agent_day(agent(folder, **sections), day=day, out=out)
    return summary, list(read_trajectories(out / "trajectories.parquet"))
