"""A failed run is told once, by the ways that the agent's file names; an alert that fails does not fail the sensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.agent_file import SettingsError
from toolft_pipeline.automation.alert_sensor import WILL_RETRY_TAG, alert_sensor
from toolft_pipeline_tests.automation.receivers import web_server
from toolft_pipeline_tests.automation.site import Site, opened

DAY = "2026-10-02"


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        yield site


def failed_run(site: Site) -> dg.ExecuteInProcessResult:
    """A real run that fails: the log folder of the day is a file."""
    logs = site.folder / "logs"
    logs.rename(site.folder / "elsewhere")
    logs.write_text("no folder")
    result = site.run("data", DAY, raise_on_error=False)
    assert not result.success
    return result


def told(site: Site, result: dg.ExecuteInProcessResult) -> str:
    """What the tick says, where the sensor is evaluated on the run's failure."""
    context = dg.build_run_status_sensor_context(
        sensor_name="alerts",
        dagster_instance=site.instance,
        dagster_run=site.instance.get_run_by_id(result.run_id) or result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()
    found = alert_sensor([site.settings])(context)
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def test_alert_sensor_tells_stage_day_and_cause(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as slack:
        monkeypatch.setenv("SLACK_URL", f"http://127.0.0.1:{slack.port}/")
        site.configure(alerts={"slack": {"url_from": "SLACK_URL"}, "ui": "http://ui.internal"})
        said = told(site, failed_run(site))
    assert said == f"toolft: assistant raw_trajectories of {DAY} failed; told by: slack"
    (body,) = slack.bodies
    assert "the log folder cannot be read (Not a directory)" in body["text"]
    assert "http://ui.internal/runs/" in body["text"]


def test_alert_sensor_whose_ways_fail_says_so_and_stays_green(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/secret-path")
    site.configure(alerts={"webhook": {"url_from": "HOOK"}})
    said = told(site, failed_run(site))
    assert "webhook failed: no answer (Connection refused)" in said
    assert "secret-path" not in said + caplog.text


def test_alert_sensor_is_silent_where_dagster_tries_again_and_where_nobody_is_named(site: Site) -> None:
    result = failed_run(site)
    assert "nobody, alerts names no way" in told(site, result)
    site.instance.add_run_tags(result.run_id, {WILL_RETRY_TAG: "true"})
    assert "will be tried again" in told(site, result)


def test_alert_quotes_no_personal_data_of_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as hook:
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{hook.port}/")
        site.configure(alerts={"webhook": {"url_from": "HOOK"}})
        monkeypatch.setattr("toolft_pipeline.assets.build.run_stage", fails_over_a_user)
        told(site, site.run("data", DAY, raise_on_error=False))
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
