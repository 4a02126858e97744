"""What is being made, whoever asked for it."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from toolft_pipeline.orchestration.active_runs import active_run, day_of

DAY = "2026-10-02"
RANGE = {"dagster/asset_partition_range_start": DAY, "dagster/asset_partition_range_end": DAY}


def run(job: str, tags: dict[str, str], *assets: str, **how: Any) -> dg.DagsterRun:
    selection = frozenset(dg.AssetKey(["desk", asset]) for asset in assets) or None
    return dg.DagsterRun(
        job_name=job, tags=tags, asset_selection=selection, **{"status": dg.DagsterRunStatus.STARTED, **how}
    )


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (run("desk_data", {"dagster/partition": DAY}), True),
        (run("desk_nightly", {"dagster/partition": DAY}), True),
        (run("__ASSET_JOB", RANGE, "chat_rows"), True),
        (run("__ASSET_JOB", RANGE, "qlora_adapter"), True),
        (run("desk_model", {"dagster/partition": DAY}), True),
        (run("other_data", {"dagster/partition": DAY}), False),
        (run("desk_sources", {}, "tool_catalog"), False),
        (run("desk_sources", {}), False),
        (run("desk_data", {"dagster/partition": DAY}, status=dg.DagsterRunStatus.SUCCESS), False),
    ],
)
def test_active_runs_counts_runs_that_make_the_agents_data_or_model(found: dg.DagsterRun, counts: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(found)
        assert active_run(instance, "desk") == (f"run {found.run_id} of {DAY}" if counts else None)


def test_active_runs_names_a_backfill() -> None:
    asked = PartitionBackfill(
        backfill_id="abc",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=0.0,
        asset_selection=[dg.AssetKey(["desk", "chat_rows"])],
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_backfill(asked)
        assert active_run(instance, "desk") == "backfill abc"
        assert active_run(instance, "other") is None


def test_day_of_a_backfills_run_is_its_range() -> None:
    assert day_of(run("__ASSET_JOB", RANGE, "chat_rows")) == DAY
    assert day_of(run("desk_sources", {})) is None
