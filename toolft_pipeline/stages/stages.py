"""All stages, in the order of the flow, and which of them come after one."""

from __future__ import annotations

from toolft_pipeline.stages import (
    base_model,
    champion,
    chat_rows,
    eval_report,
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


def with_downstream(asset: str) -> tuple[Stage, ...]:
    """A stage and all that read what it makes, directly or not; empty for a name that is none."""
    after = {asset}
    for stage in STAGES:
        if after & stage.inputs.keys():
            after.add(stage.asset)
    return tuple(stage for stage in STAGES if stage.asset in after)
