"""Which days `toolft run` brings up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli.run import chosen_days
from toolft_pipeline.errors import UsageError
from toolft_pipeline.stages.raw_trajectories import STAGE
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Warehouse

DAYS = [f"2026-10-0{day}" for day in range(1, 6)]


def test_chosen_days_hold_a_day_whose_logs_were_rotated_away_since_it_was_read(
    assistant_folder: Path, tmp_path: Path
) -> None:
    settings, warehouse = load_agent(assistant_folder / "agent.yaml"), Warehouse(tmp_path / "warehouse")
    for day in (DAYS[0], "2026-10-06"):
        run_stage(STAGE, settings, day, warehouse, progress=lambda _line: None, run_id=None)
    for day in DAYS[:2]:
        (assistant_folder / "logs" / f"{day}.jsonl").unlink()
    assert chosen_days(settings, warehouse, first=None, last=None) == [DAYS[0], *DAYS[2:]]
    assert chosen_days(settings, warehouse, first=None, last=DAYS[0]) == DAYS[:1]
    assert chosen_days(settings, None, first=None, last=None) == DAYS[2:]
    with pytest.raises(UsageError, match="no logs between"):
        chosen_days(settings, warehouse, first="2026-10-06", last=None)
