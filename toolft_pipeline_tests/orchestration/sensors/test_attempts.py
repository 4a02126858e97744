"""What failed is asked for again until it is made, and never in a storm: hours of ticks on a real instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
import pytest

from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG, REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import FIRST_DELAY_S, LONGEST_DELAY_S, due_now, failed_attempts
from toolft_pipeline.orchestration.sensors.unfinished_days import runs_of_day

HOUR, TICK_S = 3600.0, 300.0
AGENT = "desk"


@dataclass
class Site:
    """An agent whose runs fail until a moment. `asked` holds the time and day of each request."""

    instance: dg.DagsterInstance
    patch: pytest.MonkeyPatch
    days: list[str]
    mended_at: float = float("inf")
    now: float = 1_790_000_000.0
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.tick()
            self.now += TICK_S

    def tick(self) -> None:
        wanted = [day for day in self.days if day not in self.made]
        attempts = {day: failed_attempts(runs_of_day(self.instance, AGENT, day), f"{day}:state") for day in wanted}
        for day in due_now(attempts, self.instance, AGENT, now=self.now):
            self.asked.append((self.now, day, attempts[day].key(f"{day}:state")))
            self.run(day, failed=self.now < self.mended_at)

    def run(self, day: str, *, failed: bool) -> None:
        tags = {"dagster/partition": day, AGENT_TAG: AGENT, REQUEST_TAG: f"{day}:state"}
        run = dg.DagsterRun(job_name="desk_data", tags=tags, status=dg.DagsterRunStatus.STARTED)
        self.instance.add_run(run)
        with self.patch.context() as clock:
            clock.setattr("time.time", lambda: self.now)
            if failed:
                self.instance.report_run_failed(run, "no space left on device")
            else:
                self.instance.report_dagster_event(
                    dg.DagsterEvent("PIPELINE_SUCCESS", "desk_data", message="done"), run_id=run.run_id
                )
        if not failed:
            self.made.add(day)

    def asked_in_hour(self, hour: int, start: float) -> int:
        return sum(start + hour * HOUR <= at < start + (hour + 1) * HOUR for at, _, _ in self.asked)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def test_one_failing_day_is_tried_four_times_in_the_first_hour_and_then_hourly(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(instance, monkeypatch, ["2026-10-02"])
    start = site.now
    site.pass_time(3 * HOUR)
    assert site.asked_in_hour(0, start) == 4
    assert all(1 <= site.asked_in_hour(hour, start) <= 2 for hour in range(1, 3))
    assert len({key for _, _, key in site.asked}) == len(site.asked), "Dagster starts one run for a run key"
    site.mended_at = site.now
    site.pass_time(LONGEST_DELAY_S + 2 * TICK_S)
    assert site.made == {"2026-10-02"}


def test_many_failing_days_are_probed_and_all_made_soon_after_the_cause_is_gone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2026-10-{day:02}" for day in range(1, 7)]
    site = Site(instance, monkeypatch, days)
    start = site.now
    site.pass_time(3 * HOUR)
    most = int(HOUR / FIRST_DELAY_S)
    assert site.asked_in_hour(0, start) <= len(days) + most
    assert all(1 <= site.asked_in_hour(hour, start) <= most for hour in (1, 2))
    site.mended_at = site.now
    site.pass_time(LONGEST_DELAY_S + FIRST_DELAY_S + 2 * TICK_S)
    assert site.made == set(days)


def test_one_day_that_always_fails_holds_up_no_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(instance, monkeypatch, ["2026-10-01"])
    site.pass_time(HOUR)
    site.days.append("2026-10-02")
    site.mended_at = 0
    site.tick()
    assert "2026-10-02" in site.made


def test_state_that_changed_is_asked_for_at_once(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(instance, monkeypatch, ["2026-10-02"])
    site.tick()
    runs = runs_of_day(instance, AGENT, "2026-10-02")
    assert failed_attempts(runs, "2026-10-02:state").failures == 1
    assert failed_attempts(runs, "2026-10-02:another state").failures == 0


def test_canceled_run_counts_as_an_attempt_and_a_deleted_one_is_forgotten(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(instance, monkeypatch, ["2026-10-02"])
    site.tick()
    (record,) = runs_of_day(instance, AGENT, "2026-10-02")
    instance.report_run_canceled(record.dagster_run)
    assert failed_attempts(runs_of_day(instance, AGENT, "2026-10-02"), "2026-10-02:state").failures == 1
    instance.delete_run(record.dagster_run.run_id)
    again = failed_attempts(runs_of_day(instance, AGENT, "2026-10-02"), "2026-10-02:state")
    assert (again.failures, again.key("2026-10-02:state")) == (0, "2026-10-02:state")
