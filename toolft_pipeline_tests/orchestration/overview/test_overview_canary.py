"""The canary in the overview: by the warehouse alone, and its counts are no event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.evaluation.promotion.model_registry import promote
from toolft_pipeline.orchestration.overview.overview import gather_overview
from toolft_pipeline.orchestration.overview.overview_asset import overview_sensor
from toolft_pipeline.serving.canary.canary_state import ArmCounts, CanaryFiles, CanaryState, Stop
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline.stages.presentation.overview_page import AgentOverview, AgentStatus, overview_lines
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version
from toolft_pipeline_tests.orchestration.site import Site, opened

DAY, NEXT = "2026-10-01", "2026-10-02"


def model(site: Site, day: str, *, checks_pass: bool = True) -> Version:
    """A merged model whose content is its day."""
    address = ArtifactKey(agent="assistant", asset="merged_model", partition=day)
    fingerprint = fingerprint_of(code_version="1", settings={}, inputs={"day": day})
    recipe = Recipe(address=address, fingerprint=fingerprint, code_version="1", settings={}, inputs={"day": day})
    with site.warehouse.staging(address) as staged:
        (staged / "model").write_text(day)
        names = ("merged_logits", "reload_same_tokens")
        (staged / "checks.json").write_text(json.dumps({name: {"passed": checks_pass} for name in names}))
        built = BuildOutput(content=("model",), rows={}, headline={})
        return site.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """A model in service, and a canary of a tenth."""
    with opened(assistant_folder, tmp_path / "warehouse") as found:
        promote(found.warehouse, "assistant", day=DAY, model=model(found, DAY), against=None)
        found.configure(serving={"canary": {"share": 0.1}})
        yield found


def seen(site: Site) -> AgentOverview:
    (found,) = gather_overview(site.instance)
    return found


def begin(site: Site, candidate: Version, *, failed: int) -> CanaryFiles:
    """A test with this many failed conversations of the candidate."""
    champion = site.warehouse.current(ArtifactKey(agent="assistant", asset="merged_model", partition=DAY))
    assert champion is not None
    files = CanaryFiles(site.warehouse, "assistant")
    arms = {
        Arm.CHAMPION.value: ArmCounts(conversations=90, failed=3),
        Arm.CANDIDATE.value: ArmCounts(conversations=10, failed=failed),
    }
    state = CanaryState(
        candidate=candidate.manifest.content_digest,
        candidate_day=NEXT,
        champion=champion.manifest.content_digest,
        champion_day=DAY,
        opened_at="2026-10-02T08:00:00+00:00",
        arms=arms,
    )
    files.write(state)
    return files


def test_agent_without_a_canary_has_no_line_of_it(site: Site) -> None:
    site.configure(serving={})
    assert seen(site).canary is None
    assert not any(line.startswith("canary") for line in overview_lines(seen(site)))


def test_canary_without_a_newer_model_says_so(site: Site) -> None:
    assert seen(site).canary == "no candidate is newer than the model in service"
    assert seen(site).status is AgentStatus.GREEN


def test_canary_is_followed_from_waiting_to_stopped(site: Site) -> None:
    candidate = model(site, NEXT)
    digest = candidate.manifest.content_digest
    assert seen(site).canary == (
        f"the candidate of {NEXT} ({digest[:12]}) waits for a server; `toolft serve assistant` begins the canary"
    )
    files = begin(site, candidate, failed=2)
    shown = overview_lines(seen(site))
    running = f"the candidate of {NEXT} ({digest[:12]}) gets 10% of the conversations since 2026-10-02T08:00:00+00:00"
    assert f"canary: {running} (candidate 2 of 10 failed, champion 3 of 90 failed)" in shown
    assert seen(site).status is AgentStatus.GREEN
    files.write_stop(digest, Stop(at="2026-10-02T09:00:00+00:00", why="its parse rate is below 0.9"))
    found = seen(site)
    assert found.canary is not None
    assert found.canary.endswith("was stopped at 2026-10-02T09:00:00+00:00: its parse rate is below 0.9")
    assert found.status is AgentStatus.YELLOW


def test_refused_candidate_is_yellow_with_its_reason(site: Site) -> None:
    model(site, NEXT, checks_pass=False)
    found = seen(site)
    assert "checks of its merge failed: merged_logits, reload_same_tokens" in str(found.canary)
    assert found.status is AgentStatus.YELLOW


def test_damaged_state_is_a_warning_and_no_traceback(site: Site) -> None:
    files = begin(site, model(site, NEXT), failed=0)
    (path,) = (files.folder / "tests").iterdir()
    path.write_text("{")
    assert "cannot be read" in str(seen(site).canary)
    assert seen(site).status is AgentStatus.YELLOW


def test_counts_alone_are_no_event(site: Site) -> None:
    candidate = model(site, NEXT)
    begin(site, candidate, failed=0)
    first = overview_sensor(dg.build_sensor_context(instance=site.instance))
    assert isinstance(first, dg.SensorResult)
    begin(site, candidate, failed=5)
    again = overview_sensor(dg.build_sensor_context(instance=site.instance, cursor=first.cursor))
    assert isinstance(again, dg.SensorResult)
    assert len(again.asset_events) == 0
