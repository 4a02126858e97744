"""The overview of all agents, from a real instance and warehouse: verdict, served model, what waits, what is red."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.evaluation.promotion.model_registry import promote
from toolft_pipeline.orchestration.overview.overview import gather_overview
from toolft_pipeline.orchestration.overview.overview_asset import OVERVIEW, agents_overview, overview_sensor
from toolft_pipeline.stages.presentation.overview_page import (
    AgentOverview,
    AgentStatus,
    overview_markdown,
    render_overview,
)
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version
from toolft_pipeline_tests.orchestration.site import Site, opened

DAY, NEXT = "2026-10-01", "2026-10-02"


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(assistant_folder, tmp_path / "warehouse") as found:
        yield found


def commit(site: Site, asset: str, day: str, headline: dict[str, Json]) -> Version:
    """A version of one small file."""
    address = ArtifactKey(agent="assistant", asset=asset, partition=day)
    fingerprint = fingerprint_of(code_version="1", settings={}, inputs={})
    recipe = Recipe(address=address, fingerprint=fingerprint, code_version="1", settings={}, inputs={})
    with site.warehouse.staging(address) as staged:
        (staged / "content").write_text(f"{asset} {day}")
        built = BuildOutput(content=("content",), rows={}, headline=headline)
        return site.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


def judge(site: Site, day: str, *, promoted: bool, reason: str) -> None:
    """A candidate, its report and what became of it."""
    model = commit(site, "merged_model", day, {})
    commit(site, "eval_report", day, {"task_success": 0.75})
    commit(site, "champion", day, {"promoted": promoted, "why": reason, "reasons": [reason]})
    if promoted:
        promote(site.warehouse, "assistant", day=day, model=model, against=None)


def of(site: Site, agent: str = "assistant") -> AgentOverview:
    return next(each for each in gather_overview(site.instance) if each.agent == agent)


def test_overview_shows_verdict_served_model_and_since_when(site: Site) -> None:
    judge(site, DAY, promoted=True, reason="every threshold is met")
    commit(site, "verified_trajectories", DAY, {})
    commit(site, "verified_trajectories", NEXT, {})
    found = of(site)
    assert found.verdict is not None
    assert (found.verdict.day, found.verdict.promoted, found.verdict.task_success) == (DAY, True, 0.75)
    assert found.served is not None
    assert (found.served.day, found.served.since[:2]) == (DAY, "20")
    assert found.waiting == (
        "3 days of logs are not verified yet: 2026-10-03, 2026-10-04, 2026-10-05",
        f"1 verified days are newer than the last model: {NEXT}",
    )
    assert found.status is AgentStatus.GREEN


def test_overview_refused_candidate_is_yellow_with_its_reason_while_the_old_model_serves(site: Site) -> None:
    judge(site, DAY, promoted=True, reason="every threshold is met")
    judge(site, NEXT, promoted=False, reason="task_success is too low")
    found = of(site)
    assert (found.status, found.served and found.served.day) == (AgentStatus.YELLOW, DAY)
    assert "refused because: task\\_success is too low" in overview_markdown(found)


def test_overview_failed_run_is_red_until_its_stage_succeeds_for_that_day(site: Site) -> None:
    log = site.folder / "logs" / f"{DAY}.jsonl"
    kept = log.read_bytes()
    log.unlink()
    log.mkdir()
    assert not site.run("data", DAY, raise_on_error=False).success
    found = of(site)
    assert found.status is AgentStatus.RED
    assert found.failures[0].startswith(f"raw_trajectories of {DAY}, run ")
    log.rmdir()
    log.write_bytes(kept)
    site.run("sources", assets=["tool_catalog"])
    site.run("data", DAY, assets=["raw_trajectories"])
    assert of(site).failures == ()


def test_overview_agent_whose_file_is_broken_is_red_and_the_others_are_shown(site: Site) -> None:
    broken = site.folder.parent / "broken"
    broken.mkdir()
    (broken / "agent.yaml").write_text("first_day: [")
    assert of(site, "broken").status is AgentStatus.RED
    assert "agent.yaml" in of(site, "broken").failures[0]
    assert of(site).status is AgentStatus.GREEN


def test_overview_asset_shows_an_agent_a_line_group_and_writes_the_page(site: Site) -> None:
    done = dg.materialize([agents_overview], instance=site.instance)
    (event,) = done.asset_materializations_for_node(OVERVIEW)
    assert str(event.metadata["assistant"].value).startswith("**fine**: no model was evaluated yet")
    assert event.metadata["page"].value == "http://127.0.0.1:3002/"
    assert "<h2>assistant" in Path(str(event.metadata["page_path"].value)).read_text()


def test_overview_sensor_reports_a_change_once_and_starts_no_run(site: Site) -> None:
    context = dg.build_sensor_context(instance=site.instance)
    first = overview_sensor(context)
    assert isinstance(first, dg.SensorResult)
    assert (len(first.asset_events), first.run_requests) == (1, [])
    again = overview_sensor(dg.build_sensor_context(instance=site.instance, cursor=first.cursor))
    assert isinstance(again, dg.SensorResult)
    assert len(again.asset_events) == 0
    judge(site, DAY, promoted=False, reason="thin")
    changed = overview_sensor(dg.build_sensor_context(instance=site.instance, cursor=first.cursor))
    assert isinstance(changed, dg.SensorResult)
    assert len(changed.asset_events) == 1


def test_page_escapes_what_an_error_quotes() -> None:
    page = render_overview([AgentOverview(agent="desk", failures=("<script>alert(1)</script>",))])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_page_without_agents_says_so() -> None:
    assert "No agent file was found" in render_overview([])
