"""Days of logs, and as-of days that read a window of them."""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import PartitionScope


def daily_partitions(settings: AgentSettings) -> dg.DailyPartitionsDefinition:
    """One partition a day in the agent's time zone, from its first day of logs on."""
    return dg.DailyPartitionsDefinition(start_date=settings.first_day, timezone=settings.schedule.time_zone)


def partition_mapping(span: PartitionScope, settings: AgentSettings) -> dg.PartitionMapping | None:
    """How a downstream day maps to the days that it reads; None is Dagster's own rule (the same day, or all)."""
    if span is PartitionScope.WINDOW:
        return dg.TimeWindowPartitionMapping(
            start_offset=-(settings.window_days - 1), allow_nonexistent_upstream_partitions=True
        )
    return None
