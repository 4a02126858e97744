"""Late logs: a file that appears or changes for a day of the window is asked for once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.orchestration.sensors import log_watch
from toolft_pipeline.orchestration.sensors.log_watch import FileStates, evaluate_logs
from toolft_pipeline.stages import raw_trajectories
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline_tests.orchestration.site import NOON, Site, opened

DAYS = [f"2026-10-0{day}" for day in range(1, 6)]


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """Every day read, but the agent's window holds the last three."""
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        site.configure(window_days=3)
        for log in (site.folder / "logs").iterdir():
            written(log, hours_ago=5)
        for day in DAYS:
            build(site, day)
        yield site


def written(log: Path, *, hours_ago: float) -> None:
    at = (NOON - timedelta(hours=hours_ago)).timestamp()
    os.utime(log, (at, at))


def build(site: Site, day: str) -> None:
    """What the requested run does first."""
    run_stage(raw_trajectories.STAGE, site.settings, day, site.warehouse, progress=lambda _line: None, run_id=None)


def shorten(site: Site, day: str, *, hours_ago: float = 1) -> Path:
    log = site.folder / "logs" / f"{day}.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    written(log, hours_ago=hours_ago)
    return log


def asked(site: Site, seen: FileStates | None = None) -> list[str]:
    """Run keys of one look."""
    found = evaluate_logs(site.settings, site.warehouse, site.instance, seen=seen or {}, now=NOON)
    return [] if isinstance(found, dg.SkipReason) else [request.run_key or "" for request in found.run_requests or ()]


def test_look_at_logs_asks_once_for_a_day_whose_file_changed_and_again_for_the_next_change(site: Site) -> None:
    assert asked(site) == []
    shorten(site, DAYS[3])
    (first,) = asked(site)
    assert first.startswith(DAYS[3])
    assert asked(site) == [first]
    build(site, DAYS[3])
    assert asked(site) == []
    log = site.folder / "logs" / f"{DAYS[3]}.jsonl"
    text = log.read_text()
    shorten(site, DAYS[3])
    (second,) = asked(site)
    build(site, DAYS[3])
    log.write_text(text)  # what was there before is asked for again
    written(log, hours_ago=1)
    (third,) = asked(site)
    assert len({first, second, third}) == 3


def test_look_at_logs_sees_a_second_file_of_an_old_day(site: Site) -> None:
    late = site.folder / "logs" / f"{DAYS[2]}-late.jsonl"
    late.write_text((site.folder / "logs" / f"{DAYS[2]}.jsonl").read_text().splitlines()[0] + "\n")
    written(late, hours_ago=1)
    assert [key[:10] for key in asked(site)] == [DAYS[2]]


def test_look_at_logs_leaves_days_outside_of_the_window_and_removed_logs_alone(site: Site) -> None:
    shorten(site, DAYS[0])
    (site.folder / "logs" / f"{DAYS[4]}.jsonl").unlink()
    assert asked(site) == []


def test_look_at_logs_waits_for_a_file_that_is_still_written_and_for_a_run_of_the_day(site: Site) -> None:
    log = shorten(site, DAYS[3], hours_ago=0.01)
    assert asked(site) == []
    written(log, hours_ago=1)
    run = dg.DagsterRun(
        job_name="assistant_nightly", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": DAYS[3]}
    )
    site.instance.add_run(run)
    found = evaluate_logs(site.settings, site.warehouse, site.instance, seen={}, now=NOON)
    assert isinstance(found, dg.SensorResult)
    assert not found.run_requests
    site.instance.report_run_canceled(run)
    assert len(asked(site)) == 1


def test_look_at_logs_hashes_no_file_twice_that_did_not_move(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def counted(path: Path) -> str:
        hashed.append(path.name)
        return "digest"

    real = log_watch.file_digest
    monkeypatch.setattr(log_watch, "file_digest", lambda path: counted(path) and real(path))
    definitions = site.definitions
    sensor = definitions.resolve_sensor_def("assistant_logs")
    cursor = None
    for looked, wanted in ((1, 3), (2, 3)):
        shown = dg.build_sensor_context(
            instance=site.instance, repository_def=definitions.get_repository_def(), cursor=cursor
        )
        monkeypatch.setattr(log_watch, "newest_complete_day", lambda _now, _agent: DAYS[4])
        cursor = sensor.evaluate_tick(shown).cursor or cursor
        assert len(hashed) == wanted, f"look {looked}"


def test_look_at_logs_sees_feedback_on_a_day_that_was_read(site: Site) -> None:
    feedback = site.folder / "logs" / f"{DAYS[3]}.served-0a1b2c3d.feedback"
    feedback.write_text('{"run": "served-1", "outcome": "success", "at": "2026-10-05T10:00:00Z"}\n')
    written(feedback, hours_ago=1)
    assert [key[:10] for key in asked(site)] == [DAYS[3]]
    build(site, DAYS[3])
    assert asked(site) == []
