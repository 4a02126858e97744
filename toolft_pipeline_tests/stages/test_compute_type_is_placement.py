"""How the machine computes enters no fingerprint: an adapter and an evaluation are reused whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.settings import ENTERS_IF_CHANGED, TrainingSettings
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION
from toolft_pipeline.stages.qlora_adapter import STAGE as QLORA_ADAPTER
from toolft_pipeline_tests.training.made_rows import agent


@pytest.mark.parametrize(
    "placed",
    [
        *({"compute_type": "bf16"}, {"compute_type": "fp32"}, {"max_hours": None}, {"memory_check": "warn"}),
        *({"flash_attention": False}, {"liger_kernels": False}),
    ],
)
def test_placement_of_training_changes_no_fingerprint(placed: dict[str, str | bool | None], tmp_path: Path) -> None:
    plain, other = agent(tmp_path), agent(tmp_path, **placed)
    assert QLORA_ADAPTER.fingerprint_settings(other) == QLORA_ADAPTER.fingerprint_settings(plain)
    assert EVALUATION.fingerprint_settings(other) == EVALUATION.fingerprint_settings(plain)


def test_every_other_setting_of_training_does(tmp_path: Path) -> None:
    read = QLORA_ADAPTER.fingerprint_settings(agent(tmp_path))["training"]
    assert isinstance(read, dict)
    placement = {"save_steps", "compute_type", "max_hours", "memory_check", "report_to"}
    placement |= {"flash_attention", "liger_kernels"}
    assert set(TrainingSettings.model_fields) - read.keys() == placement | ENTERS_IF_CHANGED


@pytest.mark.parametrize(
    "changed", [{"replay_share": 0.1}, {"decline_share": 0.1}, {"kl_weight": 0.1}, {"loss_type": "dft"}]
)
def test_settings_against_forgetting_enter_it_where_they_are_used(
    changed: dict[str, float | str], tmp_path: Path
) -> None:
    read = QLORA_ADAPTER.fingerprint_settings(agent(tmp_path, **changed))
    assert read["changed"] == changed
    assert "changed" not in QLORA_ADAPTER.fingerprint_settings(agent(tmp_path))
