"""A day of served turns against the gate's figures of the model that served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.serving.run_log.open_runs import RunLogPlace
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline.serving.served_turn import TurnFault
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.readiness import IncumbentSettings
from toolft_pipeline.stages import raw_trajectories
from toolft_pipeline.stages.serving_monitor import STAGE, served_day
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import CheckOutcome
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.turns import served, user

DAY = "2026-10-02"
NOON = 1_790_942_400.0


@dataclass(frozen=True)
class Site:
    settings: AgentSettings
    warehouse: Warehouse

    def serve(self, count: int, **fields: Any) -> None:
        place = RunLogPlace(
            folder=self.settings.path("logs"), agent="assistant", time_zone="UTC", idle_s=900.0, key=b"key"
        )
        log = RunLog(place, now=lambda: NOON)
        log.start()
        for number in range(count):
            log.observe(served([user(f"question {number}")], "yes", conversation=f"{fields}-{number}", **fields))
        log.close(timeout=HANG_S)

    def monitor(self) -> Version:
        version: Version | None = None
        for stage in (raw_trajectories.STAGE, STAGE):
            version, _ = run_stage(stage, self.settings, DAY, self.warehouse, progress=lambda _line: None, run_id=None)
        assert version is not None
        return version

    def report(self, *, digest: str, parse_rate: float, judged: str | None = None) -> None:
        """A gate's report on a model; `judged` names the figures, where they are not the candidate's own."""
        rate = {"value": parse_rate, "low": parse_rate, "high": parse_rate}
        figures = {"parse_rate": rate, "hallucinated_tool": {"value": 0, "low": 0, "high": 0}, "valid_arguments": rate}
        own = figures | {"parse_rate": {"value": 0.1, "low": 0.1, "high": 0.1}}
        models = {"candidate": figures, "base": {}} if judged is None else {"candidate": own, judged: figures}
        metrics = {"models": models, "verdict": {"promote": True, "judged": judged}}
        address = ArtifactKey(agent="assistant", asset="eval_report", partition="2026-11-28")
        recipe = Recipe(
            address=address,
            fingerprint=f"{digest}{parse_rate}".ljust(64, "0"),
            code_version="1",
            settings={},
            inputs={"merged_model/2026-11-28": digest},
        )
        with self.warehouse.staging(address) as out:
            (out / "metrics.json").write_text(json.dumps(metrics))
            made = BuildOutput(content=("metrics.json",), rows={}, headline={})
            self.warehouse.commit(out, recipe, made, run_id=None, started=0.0)


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(load_agent(assistant_folder / "agent.yaml"), Warehouse(tmp_path / "warehouse"))


def outcome(site: Site, version: Version, check: str) -> CheckOutcome:
    return next(each for each in STAGE.checks if each.name == check).evaluate(version, site.settings)


def test_a_day_without_served_runs_says_so(site: Site) -> None:
    version = site.monitor()
    assert version.manifest.headline == {"served": "nothing"}
    for check in STAGE.checks:
        found = outcome(site, version, check.name)
        assert (found.passed, found.description) == (True, "nothing served: there is nothing to compare")
    assert STAGE.plots(version, site.settings) == {}


def test_served_turns_are_compared_with_the_report_on_these_weights(site: Site) -> None:
    site.serve(60, call={"expression": "1"})
    site.serve(40, fault=TurnFault.MALFORMED)
    site.report(digest="other", parse_rate=1.0)
    version = site.monitor()
    [rates] = served_day(version).models
    assert (rates.turns, rates.runs, rates.parse_rate.value) == (100, 100, 0.6)
    found = outcome(site, version, "served_like_the_gate")
    assert found.passed
    assert "no eval_report on it is left" in (found.description or "")
    site.report(digest="ab" * 32, parse_rate=1.0)
    found = outcome(site, version, "served_like_the_gate")
    assert not found.passed
    assert "parse rate 60.0%" in (found.description or "")
    assert set(STAGE.plots(version, site.settings)) == {"parse_rate_by_day", "fallback_by_day"}
    site.report(digest="ab" * 32, parse_rate=0.62)
    assert outcome(site, version, "served_like_the_gate").passed
    site.report(digest="ab" * 32, parse_rate=0.99, judged="candidate+constrained")
    assert not outcome(site, version, "served_like_the_gate").passed


@pytest.mark.parametrize(("fallback", "passes"), [(4, True), (6, False)])
def test_the_share_of_the_fallback_has_a_limit(site: Site, fallback: int, passes: bool) -> None:
    site.serve(100 - fallback)
    site.serve(fallback, fallback="incumbent", fault=TurnFault.MALFORMED)
    assert outcome(site, site.monitor(), "little_fallback").passed is passes


def test_turns_in_the_incumbents_place_have_their_tokens_and_cost_saved(site: Site) -> None:
    site.serve(10, catalog_tokens_saved=4000)
    site.serve(3, catalog_tokens_saved=4000, fault=TurnFault.MALFORMED)
    site.serve(2, catalog_tokens_saved=4000, fallback="incumbent", fault=TurnFault.MALFORMED)
    version = site.monitor()
    assert version.manifest.headline["catalog_tokens_saved"] == 40_000
    assert version.manifest.headline["catalog_tokens_saved_per_turn"] == 4000
    assert STAGE.figures(version, site.settings) == {}  # no price is set
    prices = IncumbentSettings(price_per_million_prompt_tokens=3.0, price_per_million_completion_tokens=15.0)
    priced = site.settings.model_copy(update={"incumbent": prices})
    catalog, turns = 40_000 * 3.0 / 1e6, 10 * (3 * 3.0 + 2 * 15.0) / 1e6
    assert STAGE.figures(version, priced) == {
        "incumbent_cost": round(catalog + turns, 6),
        "catalog_cost": catalog,
        "machine_cost": 0.0,
        "cost_saved": round(catalog + turns, 6),
    }


def test_the_day_beside_its_logged_runs_is_the_same_run_for_run(site: Site) -> None:
    before, _ = run_stage(
        raw_trajectories.STAGE, site.settings, DAY, site.warehouse, progress=lambda _line: None, run_id=None
    )
    site.serve(3)
    version = site.monitor()
    raw = site.warehouse.current(ArtifactKey(agent="assistant", asset="raw_trajectories", partition=DAY))
    assert raw is not None
    assert raw.manifest.rows["trajectories"] == before.manifest.rows["trajectories"] + 3
    assert raw.manifest.headline["served"] == {"runs": 3, "mixed": 0, "turns": 3, "feedback": 0}
    assert version.manifest.rows == {"runs": 3, "turns": 3}
    assert served_day(version).outcomes == {"unknown": 3}
