"""Runs of one agent never take the place of another's in the queue, whoever launched them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon

from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG
from toolft_pipeline_tests.conftest import REPOSITORY

STARTED = dg.DagsterRunStatus.STARTED
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("toolft_pipeline"), "__repository__"), "__ASSET_JOB"
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance whose queue is configured as the project's."""
    written = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    with dg.instance_for_test({key: written[key] for key in ("concurrency", "run_coordinator")}) as opened:
        yield opened


def submit(instance: dg.DagsterInstance, agent: str, **how: Any) -> str:
    """What UI, sensors, schedules and backfills do with a run: without a tag, but with the assets that it makes."""
    run = dg.DagsterRun(
        job_name="__ASSET_JOB",
        status=dg.DagsterRunStatus.NOT_STARTED,
        remote_job_origin=ORIGIN,
        asset_selection=frozenset({dg.AssetKey([agent, "chat_rows"])}),
        **how,
    )
    instance.add_run(run)
    instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=cast(Any, None)))
    return run.run_id


def launched(instance: dg.DagsterInstance) -> set[str]:
    """The runs that the daemon would take from the queue now."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    runs = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)
    return {run.run_id for run in runs}


def test_queue_runs_an_agent_while_others_hold_all_of_their_places(instance: dg.DagsterInstance) -> None:
    for agent in ("stuck", "busy", "hung"):
        for _ in range(2):
            run = dg.DagsterRun(job_name="job", status=STARTED, tags={AGENT_TAG: agent})
            instance.add_run(run)
    waiting, free = submit(instance, "stuck"), submit(instance, "desk")
    assert launched(instance) == {free}
    for run in instance.get_runs(dg.RunsFilter(tags={AGENT_TAG: "stuck"}, statuses=[STARTED])):
        instance.report_run_failed(run, "ended")
    assert launched(instance) == {waiting, free}


def test_queue_runs_two_of_one_agent_at_once(instance: dg.DagsterInstance) -> None:
    submitted = {submit(instance, "desk") for _ in range(3)}
    assert len(launched(instance)) == 2
    assert launched(instance) < submitted


def test_queue_keeps_the_agent_that_a_job_named(instance: dg.DagsterInstance) -> None:
    run_id = submit(instance, "desk", tags={AGENT_TAG: "other"})
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags[AGENT_TAG] == "other"
