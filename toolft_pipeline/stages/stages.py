"""All stages, in the order of the flow, and which of them come after one."""

from __future__ import annotations

from dataclasses import replace

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import (
    base_model,
    champion,
    chat_rows,
    eval_report,
    managed_adapter,
    managed_model,
    merged_model,
    qlora_adapter,
    raw_trajectories,
    readiness_report,
    replay_rows,
    run_signatures,
    serving_monitor,
    token_tensors,
    tool_catalog,
    training_set,
    verified_trajectories,
)
from toolft_pipeline.stages.spec.stage import Stage

STAGES = (
    tool_catalog.STAGE,
    base_model.STAGE,
    raw_trajectories.STAGE,
    serving_monitor.STAGE,
    verified_trajectories.STAGE,
    run_signatures.STAGE,
    chat_rows.STAGE,
    token_tensors.STAGE,
    readiness_report.STAGE,
    training_set.STAGE,
    replay_rows.STAGE,
    qlora_adapter.STAGE,
    merged_model.STAGE,
    eval_report.STAGE,
    champion.STAGE,
)


MANAGED_STAGES = (
    replace(replay_rows.STAGE, accelerator=False),  # empty: no share of it can be asked for
    managed_adapter.STAGE,
    managed_model.STAGE,
    replace(eval_report.STAGE, accelerator=False, hosted=True),
)
"""The stages that an agent with a `managed` section has in place of those of the same asset."""


def stages_of(settings: AgentSettings) -> tuple[Stage, ...]:
    """The stages of an agent: a hosted job makes its model if the agent file says so."""
    if settings.managed is None:
        return STAGES
    managed = {stage.asset: stage for stage in MANAGED_STAGES}
    return tuple(managed.get(stage.asset, stage) for stage in STAGES)


def with_downstream(asset: str, stages: tuple[Stage, ...] = STAGES) -> tuple[Stage, ...]:
    """A stage and all that read what it makes, directly or not; empty for a name that is none."""
    after = {asset}
    for stage in stages:
        if after & stage.inputs.keys():
            after.add(stage.asset)
    return tuple(stage for stage in stages if stage.asset in after)
