"""The verified day as a version: what its checks, metadata and plots say, and what it takes from the version before."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import raw_trajectories, tool_catalog, verified_trajectories
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import CheckOutcome, SourceContext
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.verification.rules.verdict import read_verdicts
from toolft_pipeline.warehouse.store import Version, Warehouse

STAGE = verified_trajectories.STAGE
DAYS = ("2026-10-01", "2026-10-02")


@dataclass(frozen=True)
class Site:
    settings: AgentSettings
    warehouse: Warehouse

    def verify(self, day: str, *, force: bool = False) -> Version:
        version: Version | None = None
        for stage in (tool_catalog.STAGE, raw_trajectories.STAGE, STAGE):
            forced = force and stage is STAGE
            version, _ = run_stage(
                stage, self.settings, day, self.warehouse, progress=lambda _line: None, run_id=None, force=forced
            )
        assert version is not None
        return version

    def log(self, day: str) -> Path:
        return self.settings.path(f"logs/{day}.jsonl")

    def fail(self, day: str) -> None:
        """Let six of the day's runs have failed."""
        log = self.log(day)
        log.write_text(log.read_text().replace('"status": "success"', '"status": "failure"', 6))

    def edit_catalog(self, old: str, new: str) -> None:
        path = self.settings.path("catalog.json")
        path.write_text(path.read_text().replace(old, new))

    def outcome(self, version: Version, check: str) -> CheckOutcome:
        return next(each for each in STAGE.checks if each.name == check).evaluate(version, self.settings)

    def changed(self, **update: object) -> Site:
        return Site(self.settings.model_copy(update=update), self.warehouse)


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    settings = load_agent(assistant_folder / "agent.yaml", overrides={"sandbox.sessions": "1"})
    return Site(settings, Warehouse(tmp_path / "warehouse"))


def test_no_sudden_drop_with_nothing_to_compare_says_so(site: Site) -> None:
    first = site.outcome(site.verify(DAYS[0]), "no_sudden_drop")
    assert (first.passed, first.detail["days_before"]) == (True, 0)
    assert first.description == "not compared: of the 0 days of the window before this one, none has verified runs yet"
    alone = site.outcome(site.verify("2026-10-03"), "no_sudden_drop")
    assert (alone.passed, alone.detail["days_before"]) == (True, 1)
    assert alone.description is not None
    assert "1 of 2 days" in alone.description


def test_no_sudden_drop_is_held_against_days_that_came_later_than_its_own(site: Site) -> None:
    site.fail(DAYS[1])
    late = site.verify(DAYS[1])
    assert site.outcome(late, "no_sudden_drop").passed
    first = site.verify(DAYS[0])
    found = site.outcome(late, "no_sudden_drop")
    assert not found.passed
    assert found.detail["mean_of_days_before"] == first.manifest.headline["accepted_share"]


def test_no_sudden_drop_warns_where_a_day_loses_more_than_the_settings_allow(site: Site) -> None:
    site.verify(DAYS[0])
    site.fail(DAYS[1])
    found = site.outcome(site.verify(DAYS[1]), "no_sudden_drop")
    assert not found.passed
    assert found.detail["accepted_share"] < 0.5 < found.detail["mean_of_days_before"]  # type: ignore[operator]
    assert (found.detail["days_before"], found.detail["allowed_drop"]) == (1, 0.2)


def test_accepted_share_is_of_the_logged_runs_alone(site: Site) -> None:
    first = site.verify(DAYS[0])
    verdicts = read_verdicts(first.file("verdicts.parquet"))
    lines = site.settings.path("golden.jsonl").read_text().splitlines()
    golden = {json.loads(line)["id"] for line in lines}
    logged = [verdict.accepted for verdict in verdicts if verdict.trajectory_id not in golden]
    assert len(logged) < len(verdicts)
    assert first.manifest.headline["accepted_share"] == sum(logged) / len(logged)


def test_accepted_share_ignores_runs_that_our_server_answered(site: Site) -> None:
    before = site.verify(DAYS[0]).manifest
    run = json.loads(site.log(DAYS[0]).read_text().splitlines()[0])
    served = [{**run, "id": f"served-{n}", "served": {"own": n > 0, "client": "c", "turns": []}} for n in range(5)]
    served[3]["outcome"] = served[4]["outcome"] = None  # without feedback
    path = site.settings.path(f"logs/{DAYS[0]}.served-0a1b2c3d-0001.jsonl")
    path.write_text("".join(json.dumps(each) + "\n" for each in served))
    after = site.verify(DAYS[0]).manifest
    assert after.headline["accepted_share"] == before.headline["accepted_share"]
    assert (after.rows["served"], after.rows["served_accepted"]) == (5, 3)
    assert after.rows["accepted"] == before.rows["accepted"] + 3


def test_no_sudden_drop_passes_a_day_without_runs(site: Site) -> None:
    site.verify(DAYS[0])
    site.log(DAYS[1]).unlink()
    empty = site.verify(DAYS[1])
    assert empty.manifest.headline["accepted_share"] is None
    assert site.outcome(empty, "no_sudden_drop").passed


def test_thin_tools_are_named_with_their_counts(site: Site) -> None:
    version = site.verify(DAYS[1])
    counts = version.manifest.headline["tools"]
    assert STAGE.figures(version, site.settings)["thin_tools"] == {
        name: counts.get(name, 0)  # type: ignore[union-attr]
        for name in ("calculate", "search", "send_email")
        if counts.get(name, 0) < 3  # type: ignore[union-attr,operator]
    }


def test_plots_show_reasons_coverage_and_the_share_by_day(site: Site) -> None:
    site.verify(DAYS[0])
    pictures = STAGE.plots(site.verify(DAYS[1]), site.settings)
    assert set(pictures) == {"accepted_share_by_day", "rejected_by_rule", "accepted_by_category", "calls_by_tool"}
    assert all(plot.png.startswith(b"\x89PNG") for plot in pictures.values())


def test_catalog_edit_takes_verdicts_from_version_in_force(site: Site) -> None:
    first = site.verify(DAYS[0])
    site.edit_catalog('"maximum": 10', '"maximum": 11')
    edited = site.verify(DAYS[0])
    assert edited.folder != first.folder
    assert edited.manifest.content_digest == first.manifest.content_digest
    headline = edited.manifest.headline
    assert 0 < headline["cached_verdicts"] < first.manifest.rows["trajectories"]  # type: ignore[operator]


def test_forced_build_and_damaged_version_use_no_cache(site: Site) -> None:
    first = site.verify(DAYS[0])
    assert site.verify(DAYS[0], force=True).manifest.headline["cached_verdicts"] == 0
    site.edit_catalog('"maximum": 10', '"maximum": 11')
    verdicts = first.file("verdicts.parquet")
    verdicts.write_bytes(verdicts.read_bytes() + b" ")
    assert site.verify(DAYS[0]).manifest.headline["cached_verdicts"] == 0


def test_display_thresholds_change_what_is_shown_and_verify_nothing_again(site: Site) -> None:
    first = site.verify(DAYS[1])
    many = {"min_runs_per_tool": 10_000, "min_accepted": 10_000, "max_acceptance_drop": 0.0}
    strict = site.changed(verification=site.settings.verification.model_copy(update=many))
    again = strict.verify(DAYS[1])
    assert again.folder == first.folder
    assert STAGE.figures(again, strict.settings)["thin_tools"] != STAGE.figures(again, site.settings)["thin_tools"]
    assert site.outcome(again, "enough_accepted").passed
    assert not strict.outcome(again, "enough_accepted").passed


def test_no_sudden_drop_goes_by_the_window_of_now_over_versions_made_before(site: Site) -> None:
    site.verify(DAYS[0])
    late = site.verify("2026-10-03")
    short = site.changed(window_days=2)
    assert short.verify("2026-10-03").folder == late.folder
    assert site.outcome(late, "no_sudden_drop").detail["days_before"] == 1
    assert short.outcome(late, "no_sudden_drop").detail["days_before"] == 0


def test_surrogate_key_that_is_set_or_changed_makes_again_what_the_other_key_made(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLFT_HMAC_KEY", raising=False)
    public = site.verify(DAYS[0])
    made = {public.folder}
    for key in ("first-of-our-own", "second-of-our-own"):
        monkeypatch.setenv("TOOLFT_HMAC_KEY", key)
        made.add(site.verify(DAYS[0]).folder)
        written = [path for path in site.warehouse.root.rglob("*") if path.is_file()]
        assert not [path for path in written if key.encode() in path.read_bytes()]
    assert len(made) == 3
    assert site.verify(DAYS[0]).folder in made
    scope = SourceContext(settings=site.settings, partition=DAYS[0], warehouse=site.warehouse)
    keyed = {stage.asset for stage in STAGES if "TOOLFT_HMAC_KEY" in stage.sources(scope)}
    assert keyed == {"raw_trajectories", "verified_trajectories", "readiness_report"}
