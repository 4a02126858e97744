"""A failure is reported once, one message a cause, on the channels that the agent file names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._utils.error import SerializableErrorInfo

from toolft_pipeline.agent_file import SettingsError
from toolft_pipeline.orchestration.alerts.alert_sensor import alert_sensor
from toolft_pipeline.orchestration.runs.run_tags import ATTENDED_TAG
from toolft_pipeline.orchestration.runs.stale_runs import GONE
from toolft_pipeline_tests.orchestration.receivers import Received, web_server
from toolft_pipeline_tests.orchestration.site import Site, opened

DAY = "2026-10-02"
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("toolft_pipeline"), "__repository__")


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        yield site


@pytest.fixture
def hook(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """A web server that the agent's file names."""
    with web_server() as server:
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.port}/")
        site.configure(alerts={"webhook": {"url_from": "HOOK"}, "ui": "http://ui.internal"})
        yield server


class Sensor:
    """The sensor of a site, tick after tick."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cursor: str | None = None

    def tick(self) -> str:
        context = dg.build_sensor_context(instance=self.site.instance, cursor=self.cursor, sensor_name="alerts")
        found = alert_sensor([self.site.settings]).evaluate_tick(context)
        assert not found.run_requests
        self.cursor = found.cursor
        return found.skip_message or ""


def failed_run(site: Site) -> dg.ExecuteInProcessResult:
    """A real run that fails: the log folder of the day is a file."""
    logs = site.folder / "logs"
    if logs.is_dir():
        logs.rename(site.folder / "elsewhere")
        logs.write_text("no folder")
    result = site.run("data", DAY, raise_on_error=False)
    assert not result.success
    return result


def add_failed(site: Site, day: str, error: str, **how: Any) -> str:
    """A run of a day's data that failed before any step."""
    tags = {"dagster/partition": day, **how.pop("tags", {})}
    run = dg.DagsterRun(job_name="assistant_data", tags=tags, status=dg.DagsterRunStatus.STARTED, **how)
    site.instance.add_run(run)
    site.instance.report_run_failed(run, error)
    return run.run_id


def test_failed_run_is_reported_once_with_stage_day_and_cause(site: Site, hook: Received) -> None:
    failed_run(site)
    sensor = Sensor(site)
    assert sensor.tick() == f"toolft: assistant raw_trajectories of {DAY} failed; sent by: webhook"
    assert sensor.tick() == "no new failures"
    (body,) = hook.bodies
    assert (body["agent"], body["stage"], body["day"]) == ("assistant", "raw_trajectories", DAY)
    assert "the log folder cannot be read (Not a directory)" in body["text"]
    assert "http://ui.internal/runs/" in body["text"]
    assert f"`toolft run assistant --from {DAY} --to {DAY} --data`" in body["text"]


def test_same_failure_at_the_next_attempt_is_not_reported_again(site: Site, hook: Received) -> None:
    sensor = Sensor(site)
    for _ in range(4):
        failed_run(site)
        sensor.tick()
    assert len(hook.bodies) == 1


def test_sixty_failing_days_are_reported_at_once_in_one_message(site: Site, hook: Received) -> None:
    days = [(date(2026, 8, 1) + timedelta(days=back)).isoformat() for back in range(60)]
    for day in days:
        add_failed(site, day, f"/logs/{day}.jsonl: no space left on device")
    add_failed(site, days[0], "another cause")
    sensor = Sensor(site)
    sensor.tick()
    many, other = hook.bodies
    assert "60 days (2026-08-01 to 2026-09-29) failed" in many["text"].splitlines()[0]
    assert many["days"] == days
    assert all(day in many["text"] for day in days)
    assert "another cause" in other["text"]
    add_failed(site, "2026-09-30", "/logs/2026-09-30.jsonl: no space left on device")
    sensor.tick()
    assert [body["days"] for body in hook.bodies[2:]] == [["2026-09-30"]]


def test_run_of_an_old_day_that_died_before_any_step_names_no_training(site: Site, hook: Received) -> None:
    add_failed(site, DAY, GONE)
    Sensor(site).tick()
    (body,) = hook.bodies
    assert GONE in body["text"]
    assert f"`toolft run assistant --from {DAY} --to {DAY} --data`" in body["text"]


def test_run_that_dagster_starts_again_is_reported_only_where_its_process_died(site: Site, hook: Received) -> None:
    again: dict[str, Any] = {
        "tags": {"dagster/max_retries": "1"},
        "remote_job_origin": RemoteJobOrigin(REPOSITORY, "assistant_data"),
    }
    with dg.instance_for_test({"run_retries": {"enabled": True, "max_retries": 1}}) as retrying:
        site.instance = retrying
        add_failed(site, DAY, "lost", **again)
        add_failed(site, "2026-10-03", GONE, **again)
        Sensor(site).tick()
    (body,) = hook.bodies
    assert body["day"] == "2026-10-03"
    assert "Dagster starts the run again by itself" in body["text"]


def test_run_whose_error_a_person_read_at_the_terminal_is_not_reported(site: Site, hook: Received) -> None:
    add_failed(site, DAY, "a mistake", tags={ATTENDED_TAG: "true"})
    add_failed(site, DAY, "of a cron job", tags={ATTENDED_TAG: "false"})
    Sensor(site).tick()
    assert [body["error"] for body in hook.bodies] == ["of a cron job"]


def test_failed_tick_is_reported_once_with_its_error(site: Site, hook: Received) -> None:
    sensor = Sensor(site)
    error = SerializableErrorInfo(
        "Error in sensor\n", [], "SensorExecutionError", cause=SerializableErrorInfo("the server is gone\n", [], None)
    )
    for name in ("assistant_logs", "assistant_catalog", "dead_runs"):
        origin = RemoteInstigatorOrigin(REPOSITORY, name)
        state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
        site.instance.add_instigator_state(state)
        for _ in range(3):
            site.instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id,
                    instigator_name=name,
                    instigator_type=InstigatorType.SENSOR,
                    status=TickStatus.FAILURE,
                    timestamp=time.time() - 1,
                    error=error,
                    selector_id=state.selector_id,
                )
            )
    sensor.tick()
    sensor.tick()
    (body,) = hook.bodies
    first = body["text"].splitlines()[0]
    assert all(name in first for name in ("assistant_logs", "assistant_catalog", "dead_runs"))
    assert "Why: the server is gone" in body["text"]


def test_late_asset_is_reported_once_and_again_after_it_was_in_time(site: Site, hook: Received) -> None:
    sensor = Sensor(site)
    states = [FreshnessState.FAIL, FreshnessState.FAIL, FreshnessState.PASS, FreshnessState.FAIL]
    for number, state in enumerate(states):
        change = FreshnessStateChange(
            key=site.key("verified_trajectories"),
            new_state=state,
            previous_state=FreshnessState.UNKNOWN,
            state_change_timestamp=time.time() + number,
        )
        site.instance._report_runless_asset_event(change)
        sensor.tick()
    assert [body["text"].splitlines()[0] for body in hook.bodies] == [
        "toolft: assistant verified_trajectories is late"
    ] * 2


def test_alert_that_could_not_be_sent_is_tried_again_and_says_no_secret(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/secret-path")
    site.configure(alerts={"webhook": {"url_from": "HOOK"}})
    failed_run(site)
    sensor = Sensor(site)
    said = sensor.tick()
    assert "webhook failed: no answer (Connection refused)" in said
    assert "secret-path" not in said + caplog.text
    with web_server() as hook:
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{hook.port}/")
        sensor.tick()
        sensor.tick()
    assert len(hook.bodies) == 1


def test_alert_goes_nowhere_where_nobody_is_named(site: Site) -> None:
    failed_run(site)
    assert "no channel, alerts has none" in Sensor(site).tick()


def test_alert_quotes_no_personal_data_of_an_error(site: Site, hook: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolft_pipeline.orchestration.build.run_stage", fails_over_a_user)
    site.run("data", DAY, raise_on_error=False)
    Sensor(site).tick()
    (record,) = hook.bodies
    assert record["error"].startswith("KeyError: 'no such customer: ")
    assert "maria.keller@elsewhere.org" not in record["text"]


def fails_over_a_user(*_args: object, **_how: object) -> None:
    raise KeyError("no such customer: maria.keller@elsewhere.org")


def test_agent_file_with_a_url_where_a_variables_name_belongs_is_refused_without_quoting_it(site: Site) -> None:
    site.configure(alerts={"slack": {"url_from": "https://hooks.example.org/secret-path"}})
    with pytest.raises(SettingsError, match=r"alerts\.slack\.url_from") as refused:
        _ = site.settings
    assert "secret-path" not in str(refused.value)
