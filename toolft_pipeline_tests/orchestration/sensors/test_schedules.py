"""The nightly schedule asks for the newest complete day in the agent's time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.sensors.schedules import newest_complete_day
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline_tests.conftest import REPOSITORY


@pytest.fixture
def agent() -> AgentSettings:
    return load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE, overrides={"schedule.time_zone": "Asia/Tokyo"})


def test_newest_complete_day_is_yesterday_where_the_agent_lives(agent: AgentSettings) -> None:
    assert newest_complete_day(datetime(2026, 10, 5, 16, 0, tzinfo=UTC), agent) == "2026-10-05"
    assert newest_complete_day(datetime(2026, 10, 5, 14, 0, tzinfo=UTC), agent) == "2026-10-04"


def test_nightly_schedule_requests_one_run_a_day_and_none_before_the_first(agent: AgentSettings) -> None:
    definitions = build_definitions([agent])
    schedule = definitions.resolve_schedule_def("assistant_nightly")
    repository = definitions.get_repository_def()
    late = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 10, 5, 17, 0, tzinfo=UTC), repository_def=repository
    )
    (request,) = schedule.evaluate_tick(late).run_requests or []
    assert (request.run_key, request.partition_key) == ("2026-10-05", "2026-10-05")
    early = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 9, 1, 17, 0, tzinfo=UTC), repository_def=repository
    )
    assert "before first_day" in str(schedule.evaluate_tick(early).skip_message)
