"""Which days are being made, whoever asked for it."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from toolft_pipeline.automation.under_way import day_of, days_under_way

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
        (run("__ASSET_JOB", RANGE, "qlora_adapter"), False),
        (run("desk_model", {"dagster/partition": DAY}), False),
        (run("other_data", {"dagster/partition": DAY}), False),
        (run("desk_sources", {}, "tool_catalog"), False),
        (run("desk_data", {"dagster/partition": DAY}, status=dg.DagsterRunStatus.SUCCESS), False),
    ],
)
def test_days_under_way_counts_runs_that_make_the_agents_data(found: dg.DagsterRun, counts: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(found)
        assert days_under_way(instance, "desk") == ({DAY} if counts else set())


def test_day_of_a_backfills_run_is_its_range() -> None:
    assert day_of(run("__ASSET_JOB", RANGE, "chat_rows")) == DAY
    assert day_of(run("desk_sources", {})) is None
