"""What the sensors asked for and a run failed over is asked for again, by real runs that fail and real ticks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.agent_file import AGENT_FILE
from toolft_pipeline.orchestration.runs.run_tags import REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import FIRST_DELAY_S
from toolft_pipeline.orchestration.sensors.catalog_watch import evaluate_catalog
from toolft_pipeline.orchestration.sensors.log_watch import evaluate_logs
from toolft_pipeline.stages import raw_trajectories, tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline_tests.orchestration.site import Site, opened

DAY, QUIET_DAYS = "2026-10-02", ["2026-10-01", "2026-10-03", "2026-10-04", "2026-10-05"]
LATER = timedelta(seconds=FIRST_DELAY_S + 1)


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """One day of logs that is in the window now, of an agent that read another day before: it is not new."""
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        site.configure(window_days=99)
        run_stage(
            raw_trajectories.STAGE,
            site.settings,
            QUIET_DAYS[0],
            site.warehouse,
            progress=lambda _line: None,
            run_id=None,
        )
        for day in QUIET_DAYS:
            (site.folder / "logs" / f"{day}.jsonl").unlink()
        for log in (site.folder / "logs").iterdir():
            os.utime(log, (0, 0))
        yield site


def asked_days(site: Site, *, later: timedelta = timedelta()) -> list[dg.RunRequest]:
    now = datetime.now(UTC) + later
    found = evaluate_logs(site.settings, site.warehouse, site.instance, seen={}, now=now)
    return [] if isinstance(found, dg.SkipReason) else [*(found.run_requests or ())]


def asked_catalog(site: Site, *, later: timedelta = timedelta()) -> dg.RunRequest | None:
    now = datetime.now(UTC) + later
    found = evaluate_catalog(site.settings, site.warehouse, site.instance, now=now)
    return found if isinstance(found, dg.RunRequest) else None


def carry_out(site: Site, job: str, request: dg.RunRequest) -> bool:
    """The run that the daemon makes of a request; whether it succeeded."""
    tags = {"dagster/run_key": request.run_key or "", **request.tags}
    assets = None if request.asset_selection is None else [key.path[-1] for key in request.asset_selection]
    result = site.run(job, request.partition_key, raise_on_error=False, tags=tags, assets=assets)
    return bool(result.success)


def test_day_that_failed_in_a_later_stage_is_made_once_the_cause_is_gone(site: Site) -> None:
    """Its logs are read, and then its verification fails: there is no catalog yet."""
    (first,) = asked_days(site)
    assert not carry_out(site, "data", first)
    assert site.current("raw_trajectories", DAY).manifest.inputs
    assert asked_days(site) == []
    (second,) = asked_days(site, later=LATER)
    assert second.partition_key == DAY
    assert second.run_key != first.run_key
    run_stage(tool_catalog.STAGE, site.settings, None, site.warehouse, progress=lambda _line: None, run_id=None)
    result = site.run("data", DAY, tags=dict(second.tags), assets=["raw_trajectories", "verified_trajectories"])
    assert result.success
    assert asked_days(site, later=LATER) == [], "the newest run of the day succeeded"


def test_day_whose_logs_could_not_be_read_waits_longer_after_each_failure(site: Site) -> None:
    logs = site.folder / "logs" / f"{DAY}.jsonl"
    keys = []
    for attempt in range(3):
        (request,) = asked_days(site, later=LATER * 2**attempt)
        keys.append(request.run_key)
        tags = {"dagster/partition": DAY, REQUEST_TAG: request.tags[REQUEST_TAG], "toolft/agent": "assistant"}
        run = dg.DagsterRun(job_name="assistant_data", tags=tags, status=dg.DagsterRunStatus.STARTED)
        site.instance.add_run(run)
        site.instance.report_run_failed(run, "no space left on device")
        assert asked_days(site, later=LATER * 2**attempt - timedelta(seconds=10)) == []
    assert len(set(keys)) == 3
    logs.write_text(logs.read_text() + "\n")
    os.utime(logs, (0, 0))
    assert len(asked_days(site)) == 1, "other logs are another state"


def test_day_whose_failed_run_was_deleted_is_asked_for_again(site: Site) -> None:
    (request,) = asked_days(site)
    assert not carry_out(site, "data", request)
    (run,) = site.instance.get_runs()
    site.instance.delete_run(run.run_id)
    assert [each.partition_key for each in asked_days(site)] == [DAY]


def test_day_that_only_waits_for_its_automation_is_not_asked_for(site: Site) -> None:
    run_stage(raw_trajectories.STAGE, site.settings, DAY, site.warehouse, progress=lambda _line: None, run_id=None)
    assert asked_days(site, later=LATER) == []


def test_catalog_whose_run_failed_is_asked_for_after_a_delay_and_at_once_when_the_agent_file_changed(
    site: Site,
) -> None:
    catalog = site.folder / "catalog.json"
    good = catalog.read_text()
    catalog.write_text("{")
    first = asked_catalog(site)
    assert first is not None
    assert not carry_out(site, "sources", first)
    assert asked_catalog(site) is None
    second = asked_catalog(site, later=LATER)
    assert second is not None
    assert second.run_key != first.run_key
    path = site.folder / AGENT_FILE
    path.write_text(path.read_text() + "\n# a person was here\n")
    third = asked_catalog(site)
    assert third is not None
    catalog.write_text(good)
    fourth = asked_catalog(site)
    assert fourth is not None
    assert carry_out(site, "sources", fourth)
    assert asked_catalog(site, later=LATER) is None
    assert len({request.run_key for request in (first, second, third, fourth)}) == 4
