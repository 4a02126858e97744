"""Logs that were rotated away: materializing their day again loses no run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.ingest.log_file import LogError
from toolft_pipeline.orchestration.metadata import version_metadata
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.planning.plan import Action, make_plan
from toolft_pipeline.stages.raw_trajectories import STAGE
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import StageError
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse

DAY = "2026-10-01"


@dataclass
class Site:
    settings: AgentSettings
    warehouse: Warehouse
    said: list[str] = field(default_factory=list)

    def make(self, *, force: bool = False, **changes: object) -> tuple[Version, bool]:
        logs = self.settings.logs.model_copy(update=changes)
        settings = self.settings.model_copy(update={"logs": logs})
        return run_stage(STAGE, settings, DAY, self.warehouse, progress=self.said.append, run_id=None, force=force)

    def log(self, name: str = f"{DAY}.jsonl") -> Path:
        return self.settings.path(f"logs/{name}")

    def split(self) -> None:
        """The day's lines in two files."""
        lines = self.log().read_text().splitlines(keepends=True)
        self.log(f"{DAY}.a.jsonl").write_text("".join(lines[:5]))
        self.log(f"{DAY}.b.jsonl").write_text("".join(lines[5:]))
        self.log().unlink()


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(load_agent(assistant_folder / "agent.yaml"), Warehouse(tmp_path / "warehouse"))


def runs(version: Version) -> int:
    return version.manifest.rows["runs"]


def test_rotated_logs_leave_the_version_in_force_whatever_else_changed(site: Site) -> None:
    first, _ = site.make()
    assert runs(first) > 0
    site.log().unlink()
    for changes in ({}, {"max_line_bytes": 1_000_000}):
        kept, reused = site.make(**changes)
        assert (kept.folder, reused) == (first.folder, True)
    assert "1 of the 1 log files that it was built from are gone (2026-10-01.jsonl)" in site.said[-1]
    shown = version_metadata(STAGE, kept, site.settings, reused=True)
    assert shown["logs_gone"].value == "kept without 1 of its log files: 2026-10-01.jsonl"
    (step,) = make_plan((STAGE,), site.settings, site.warehouse, days=[DAY], force=False)
    assert step.action is Action.REUSE
    assert "are gone" in step.reason


def test_rotated_logs_do_not_bring_an_empty_version_of_before_back(site: Site) -> None:
    """A day that was materialized before its logs came has an empty version that fits a day without logs."""
    text = site.log().read_text()
    site.log().unlink()
    assert runs(site.make()[0]) == 0
    site.log().write_text(text)
    full, _ = site.make()
    site.log().unlink()
    assert site.make()[0].folder == full.folder
    assert site.warehouse.current(ArtifactKey(agent="assistant", asset="raw_trajectories", partition=DAY)) is not None


def test_logs_of_a_day_of_which_one_file_is_gone_leave_the_version_in_force(site: Site) -> None:
    site.split()
    first, _ = site.make()
    site.log(f"{DAY}.a.jsonl").unlink()
    kept, reused = site.make()
    assert (kept.folder, reused) == (first.folder, True)
    assert "1 of the 2 log files" in site.said[-1]


def test_logs_that_changed_while_others_went_are_read(site: Site) -> None:
    site.split()
    first, _ = site.make()
    site.log(f"{DAY}.a.jsonl").unlink()
    late = site.log(f"{DAY}.b.jsonl")
    late.write_text("".join(late.read_text().splitlines(keepends=True)[:2]))
    version, reused = site.make()
    assert not reused
    assert 0 < runs(version) < runs(first)


def test_rotated_logs_forced_is_refused_in_one_line(site: Site) -> None:
    first, _ = site.make()
    site.log().unlink()
    with pytest.raises(StageError, match=r"are gone .*; a forced rebuild would lose their runs") as raised:
        site.make(force=True)
    assert "\n" not in str(raised.value)
    current = site.warehouse.current(first.manifest.address)
    assert current is not None
    assert current.folder == first.folder


def test_rotated_logs_of_a_damaged_version_are_refused(site: Site) -> None:
    first, _ = site.make()
    site.log().unlink()
    first.file("trajectories.parquet").write_bytes(b"")
    with pytest.raises(StageError, match=r"trajectories\.parquet is damaged; restore the log files"):
        site.make()


def test_day_that_never_had_logs_is_empty_and_an_emptied_file_empties_it(site: Site) -> None:
    site.make()
    site.log().write_text("")
    assert runs(site.make()[0]) == 0
    site.log().unlink()
    other = Site(site.settings, Warehouse(site.warehouse.root.parent / "other"))
    version, reused = other.make()
    assert (runs(version), reused) == (0, False)
    assert other.make() == (version, True)
    assert runs(other.make(force=True)[0]) == 0


def test_feedback_is_an_input_of_its_day(site: Site) -> None:
    first, _ = site.make()
    site.log(f"{DAY}.served-0a1b2c3d.feedback").write_text(
        '{"run": "served-1", "outcome": "success", "at": "2026-10-02T10:00:00Z"}\n'
    )
    again, reused = site.make()
    assert not reused
    assert f"file:{DAY}.served-0a1b2c3d.feedback" in again.manifest.inputs
    assert again.manifest.content_digest == first.manifest.content_digest  # it is about no run of the day


def test_feedback_after_the_logs_were_rotated_away_loses_no_run(site: Site) -> None:
    first, _ = site.make()
    site.log().unlink()
    site.log(f"{DAY}.served-0a1b2c3d.feedback").write_text(
        '{"run": "served-1", "outcome": "success", "at": "2026-10-02T10:00:00Z"}\n'
    )
    kept, reused = site.make()
    assert (kept.folder, reused) == (first.folder, True)


def test_feedback_that_cannot_be_read_is_one_line_with_its_place(site: Site) -> None:
    site.log(f"{DAY}.served-0a1b2c3d.feedback").write_text('{"run": 7}\n')
    with pytest.raises(LogError, match=r"feedback:1: not a line of feedback.*fix or remove the line"):
        site.make()
