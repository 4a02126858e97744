"""The automation condition of the days of the window: an input has new content.

Invariant: only a new data version counts, and it is a digest of the content: a version that was made again with the
same content starts nothing. One evaluation requests all stages of the days, and Dagster launches one backfill with one
run per day; within a run, stages whose fingerprint did not change are reused.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
from dagster import AutomationCondition

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group, Stage
from toolft_pipeline.stages.stages import STAGES

EVERY_S = 30
"""Seconds between two evaluations."""


def follows_its_inputs(stage: Stage) -> bool:
    """Whether a stage has the condition: data stages with inputs. The model waits for the nightly job."""
    return stage.group is Group.DATA and bool(stage.inputs)


def window_condition(agent: AgentSettings) -> AutomationCondition[dg.AssetKey | dg.AssetCheckKey]:
    """True for days of the newest window of which an input changed since the day was last made or requested.

    `eager` with two differences: N days instead of one, and a changed data version instead of any materialization. It
    waits while an input is being made.
    """
    moved = AutomationCondition.any_deps_match(
        AutomationCondition.data_version_changed() | AutomationCondition.will_be_requested()
    )
    return (
        AutomationCondition.in_latest_time_window(timedelta(days=agent.window_days))
        & (AutomationCondition.newly_missing() | moved).since_last_handled()
        & ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
    ).with_label("an input of the window changed")


def automation_sensor(agent: AgentSettings) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions of one agent's assets."""
    keys = [dg.AssetKey([agent.name, stage.asset]) for stage in STAGES if follows_its_inputs(stage)]
    return dg.AutomationConditionSensorDefinition(
        name=f"{agent.name}_automation",
        target=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="One backfill over the window's days where tool_catalog, base_model or a day's logs changed.",
    )


def sensor_status(agent: AgentSettings) -> dg.DefaultSensorStatus:
    """Running if `schedule.running` is set; else a person starts the sensor."""
    return dg.DefaultSensorStatus.RUNNING if agent.schedule.running else dg.DefaultSensorStatus.STOPPED
