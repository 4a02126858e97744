"""Days that were made with another base model than the rest are not trained together with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.qlora_adapter import STAGE as QLORA_ADAPTER
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Stage, StageError
from toolft_pipeline.warehouse.store import Built, Version, Warehouse

FIRST, SECOND = "2026-10-01", "2026-10-02"


def build(context: BuildContext) -> Built:
    (context.out / "made").write_text(str(context.settings.training.seed))
    return Built(content=("made",), rows={}, headline={})


def stage(asset: str, inputs: dict[str, PartitionScope], **how: Any) -> Stage:
    return Stage(
        asset=asset,
        description=asset,
        group=Group.DATA,
        kinds=(),
        code_version="1",
        inputs=inputs,
        settings=("training.seed",),
        build=build,
        **how,
    )


BASE = stage("base_model", {}, partitioned=False)
TOKENS = stage("token_tensors", {"base_model": PartitionScope.WHOLE})
MODEL = stage(
    "model", {"token_tensors": PartitionScope.WINDOW, "base_model": PartitionScope.WHOLE}, alike=QLORA_ADAPTER.alike
)


def test_stage_refuses_a_window_of_two_base_models_until_its_days_are_made_again(
    assistant_folder: Path, tmp_path: Path
) -> None:
    settings, warehouse = load_agent(assistant_folder / "agent.yaml"), Warehouse(tmp_path)

    def made(which: Stage, day: str | None, *, seed: int) -> Version:
        training = settings.training.model_copy(update={"seed": seed})
        changed: AgentSettings = settings.model_copy(update={"training": training})
        return run_stage(which, changed, day, warehouse, progress=lambda _line: None, run_id=None)[0]

    made(BASE, None, seed=1)
    for day in (FIRST, SECOND):
        made(TOKENS, day, seed=1)
    made(MODEL, SECOND, seed=1)
    made(BASE, None, seed=2)
    made(TOKENS, SECOND, seed=2)
    with pytest.raises(StageError, match=r"its days were made with 2 versions of base_model; rebuild the days"):
        made(MODEL, SECOND, seed=2)
    made(TOKENS, FIRST, seed=2)
    made(MODEL, SECOND, seed=2)
