"""A base model that was never made, or that the agent file changed, is made; nothing is red while it is awaited."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.orchestration.sensors.base_model_watch import evaluate_base_model, read_source_state
from toolft_pipeline.orchestration.sensors.log_watch import evaluate_logs
from toolft_pipeline.stages import base_model, tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline_tests.orchestration.site import NOON, Site, opened

NIGHT = datetime(2026, 10, 20, 2, tzinfo=UTC)
"""Of a day without logs."""


@pytest.fixture
def site(assistant_folder: Path, tiny_model_folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        shutil.copytree(tiny_model_folder, site.folder / "base")
        site.configure(base_model={"folder": "base"})
        yield site


def tick(site: Site, cursor: str | None = None) -> tuple[dg.RunRequest | str, str | None]:
    """One tick of the agent's sensor, as the daemon evaluates it: what it asks for or says, and its cursor."""
    definitions = site.definitions
    sensor = definitions.resolve_sensor_def("assistant_base_model")
    context = dg.build_sensor_context(
        instance=site.instance, cursor=cursor, repository_def=definitions.get_repository_def()
    )
    found = sensor.evaluate_tick(context)
    return found.run_requests[0] if found.run_requests else str(found.skip_message), found.cursor


def make(site: Site) -> None:
    """What the requested run does."""
    run_stage(base_model.STAGE, site.settings, None, site.warehouse, progress=lambda _line: None, run_id=None)


def asked_key(site: Site) -> str:
    found, _ = tick(site)
    assert isinstance(found, dg.RunRequest), found
    assert [key.path[-1] for key in found.asset_selection or ()] == ["base_model"]
    assert found.run_key is not None
    return found.run_key


def test_base_model_of_a_new_agent_is_asked_for_once_and_no_more_when_it_is_there(site: Site) -> None:
    assert asked_key(site) == asked_key(site)
    make(site)
    found, _ = tick(site)
    assert "the base model has not changed since version" in str(found)


def test_base_model_that_the_agent_file_changes_is_asked_for_by_a_key_of_its_own(site: Site, tmp_path: Path) -> None:
    first = asked_key(site)
    make(site)
    (site.folder / "base").rename(site.folder / "other")
    (site.folder / "other" / "generation_config.json").write_text('{"do_sample": false}')
    site.configure(base_model={"folder": "other"})
    second = asked_key(site)
    make(site)
    (site.folder / "other" / "generation_config.json").write_text('{"do_sample": true}')
    assert len({first, second, asked_key(site)}) == 3


def test_base_model_files_are_hashed_again_only_where_they_moved(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    make(site)
    _, cursor = tick(site)

    def none_hashed(*_arguments: object) -> dict[str, str]:
        raise AssertionError("hashed again")

    monkeypatch.setattr("toolft_pipeline.stages.spec.sources.file_digest", none_hashed)
    found, _ = tick(site, cursor)
    assert "the base model has not changed since version" in str(found)
    weights = site.folder / "base" / "model.safetensors"
    os.utime(weights, (1, 1))
    with pytest.raises(AssertionError, match="hashed again"):
        tick(site, cursor)


def test_days_of_a_new_agent_wait_for_its_sources(site: Site) -> None:
    for log in (site.folder / "logs").iterdir():
        os.utime(log, (NOON.timestamp() - 7200,) * 2)
    found = evaluate_logs(site.settings, site.warehouse, site.instance, seen={}, now=NOON)
    assert isinstance(found, dg.SkipReason)
    assert "wait for tool_catalog and base_model: no version yet" in (found.skip_message or "")
    make(site)
    run_stage(tool_catalog.STAGE, site.settings, None, site.warehouse, progress=lambda _line: None, run_id=None)
    found = evaluate_logs(site.settings, site.warehouse, site.instance, seen={}, now=NOON)
    assert isinstance(found, dg.SensorResult)
    assert len(found.run_requests or ()) == 5


def test_night_makes_a_changed_base_model_whoever_started_only_the_schedule(site: Site) -> None:
    make(site)
    schedule = site.definitions.resolve_schedule_def("assistant_nightly")

    def night() -> list[dg.RunRequest]:
        context = dg.build_schedule_context(
            scheduled_execution_time=NIGHT, repository_def=site.definitions.get_repository_def()
        )
        return list(schedule.evaluate_tick(context).run_requests or ())

    assert night() == []
    (site.folder / "base" / "generation_config.json").write_text('{"do_sample": false}')
    assert len(night()) == 1
    job = site.definitions.resolve_job_def("assistant_nightly")
    assert site.key("base_model") in job.asset_layer.selected_asset_keys


def test_base_model_whose_run_failed_is_asked_for_again_after_a_delay(site: Site) -> None:
    first, _ = tick(site)
    assert isinstance(first, dg.RunRequest)
    site.instance.add_run(
        dg.DagsterRun(
            job_name="assistant_sources",
            status=dg.DagsterRunStatus.FAILURE,
            tags=dict(first.tags),
            asset_selection=frozenset(first.asset_selection or ()),
        )
    )
    found, _ = tick(site)
    assert "the last run of base_model failed; next attempt at" in str(found)
    fingerprint = read_source_state(site.settings, site.warehouse).fingerprint
    later = datetime.now(UTC) + timedelta(minutes=6)
    again = evaluate_base_model(site.settings, site.warehouse, site.instance, fingerprint=fingerprint, now=later)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != first.run_key
