"""Verification categorizes runs by the agent's own error forms; later stages read the category from its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.chat.chat_rows import read_chat_rows
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.evaluation.promotion.shadow import run_as_task
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.trajectories.accepted_table import read_accepted_rows
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.row_writer import write_trajectories
from toolft_pipeline.verification.rules.verdict import read_verdicts
from toolft_pipeline_tests.agents import agent, verify_agent_day
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

TOOL = {"name": "find", "description": "", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
RUN = trajectory(
    user("find 7"),
    calls(("c1", "find", {"n": 7})),
    result("c1", "find", "GONE"),
    says("It is gone."),
    started_at="2026-10-01T00:00:00Z",
)


def settings(folder: Path, *forms: str) -> AgentSettings:
    return agent(folder, verification={"require_replay": False, "error_forms": forms})


def categories(folder: Path, *forms: str) -> set[str]:
    """The run's category by each stage."""
    desk, raw, catalog, out = settings(folder, *forms), folder / "raw", folder / "catalog", folder / "out"
    for each in (raw, catalog, out):
        each.mkdir(parents=True)
    (folder / "catalog.json").write_text(json.dumps({"tools": [TOOL]}))
    build_catalog(desk, catalog)
    write_trajectories([RUN], raw / "trajectories.parquet")
    judged = verify_agent_day(desk, day="2026-10-01", raw=raw, catalog=catalog, out=out)
    (verdict,) = read_verdicts(out / "verdicts.parquet")
    accepted = out / "accepted.parquet"
    (row,) = read_accepted_rows(accepted)
    write_signatures([row], out / "signatures.parquet")
    write_chat_rows(accepted=accepted, catalog=catalog / "catalog.json", chat=desk.chat, out=out)
    return {
        *judged.categories,
        verdict.category,
        *pq.read_table(out / "signatures.parquet")["category"].to_pylist(),
        *(row.category for row in read_chat_rows(out / "rows.parquet")),
        row.category,
        run_as_task(row).category,
    }


def test_own_error_form_gives_one_category_in_every_stage(tmp_path: Path) -> None:
    assert categories(tmp_path / "plain") == {Category.SINGLE_CALL}
    assert categories(tmp_path / "named", "GONE") == {Category.ERROR_THEN_EXPLAIN}


def test_changed_error_form_rebuilds_only_verification(tmp_path: Path) -> None:
    plain, named = settings(tmp_path), settings(tmp_path, "GONE")
    changed = {
        stage.asset for stage in STAGES if stage.fingerprint_settings(plain) != stage.fingerprint_settings(named)
    }
    assert changed == {"verified_trajectories"}
