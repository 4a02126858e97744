"""Daily partitions, and how an as-of day reads a window of days."""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import PartitionScope


def daily_partitions(settings: AgentSettings) -> dg.DailyPartitionsDefinition:
    """One partition per day in the agent's time zone, from the first day of logs."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day, timezone=settings.schedule.time_zone)


def partition_mapping(span: PartitionScope, settings: AgentSettings) -> dg.PartitionMapping | None:
    """Map a day to the upstream days that it reads; None means Dagster's default (the same day, or all)."""
    if span is PartitionScope.WINDOW:
        return dg.TimeWindowPartitionMapping(
            start_offset=-(settings.window_days - 1), allow_nonexistent_upstream_partitions=True
        )
    return None
