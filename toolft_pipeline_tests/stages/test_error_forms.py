"""Every stage that says a run's category goes by the agent's own forms of failed calls, and is made anew with them."""

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
    """What each stage calls the run."""
    desk, raw, catalog, out = settings(folder, *forms), folder / "raw", folder / "catalog", folder / "out"
    for each in (raw, catalog, out):
        each.mkdir(parents=True)
    (folder / "catalog.json").write_text(json.dumps({"tools": [TOOL]}))
    build_catalog(desk, catalog)
    write_trajectories([RUN], raw / "trajectories.parquet")
    judged = verify_agent_day(desk, day="2026-10-01", raw=raw, catalog=catalog, out=out)
    (verdict,) = read_verdicts(out / "verdicts.parquet")
    forms = desk.verification.error_forms
    write_signatures([RUN], out / "signatures.parquet", error_forms=forms)
    accepted = out / "accepted.parquet"
    write_chat_rows(
        accepted=accepted,
        catalog=catalog / "catalog.json",
        chat=desk.chat,
        error_forms=desk.verification.error_forms,
        out=out,
    )
    return {
        *judged.categories,
        verdict.category,
        *pq.read_table(out / "signatures.parquet")["category"].to_pylist(),
        *(row.category for row in read_chat_rows(out / "rows.parquet")),
        run_as_task(RUN, error_forms=forms).category,
    }


def test_failed_call_in_the_agents_own_form_gives_the_run_one_category_in_every_stage(tmp_path: Path) -> None:
    assert categories(tmp_path / "plain") == {Category.SINGLE_CALL}
    assert categories(tmp_path / "named", "GONE") == {Category.ERROR_THEN_EXPLAIN}


def test_form_that_is_named_makes_the_stages_anew_that_go_by_it(tmp_path: Path) -> None:
    plain, named = settings(tmp_path), settings(tmp_path, "GONE")
    anew = {stage.asset for stage in STAGES if stage.fingerprint_settings(plain) != stage.fingerprint_settings(named)}
    assert anew == {"verified_trajectories", "run_signatures", "chat_rows"}
