from __future__ import annotations

from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.stages import STAGES, stages_of, with_downstream


def test_with_downstream_of_a_stage_is_what_reads_it_directly_or_not_in_the_order_of_the_flow() -> None:
    assert [stage.asset for stage in with_downstream("merged_model")] == ["merged_model", "eval_report", "champion"]
    assert [stage.asset for stage in with_downstream("run_signatures")] == [
        "run_signatures",
        "readiness_report",
        "training_set",
        "qlora_adapter",
        "merged_model",
        "eval_report",
        "champion",
    ]
    assert with_downstream("no_such") == ()
    assert {stage.asset for stage in STAGES} - {stage.asset for stage in with_downstream("tool_catalog")} == {
        "base_model",
        "raw_trajectories",
        "serving_monitor",
    }


def agent(**sections: object) -> AgentSettings:
    required = {"name": "desk", "folder": Path("desk"), "first_day": "2026-10-01"}
    return AgentSettings.model_validate(
        {**required, "catalog": {"file": "c.json"}, "base_model": {"folder": "base"}, **sections}
    )


def test_stages_of_a_hosted_agent_are_the_same_assets_without_an_accelerator() -> None:
    host = {"base_url": "https://host.example.com/v1", "model": "small-1"}
    assert stages_of(agent()) == STAGES
    managed = stages_of(agent(managed=host))
    assert [stage.asset for stage in managed] == [stage.asset for stage in STAGES]
    assert not [stage.asset for stage in managed if stage.accelerator]
    assert [stage.asset for stage in managed if stage.hosted] == ["qlora_adapter", "merged_model", "eval_report"]


def test_hosted_adapter_depends_on_the_hosts_model_and_not_on_lora_or_prices() -> None:
    host = {"base_url": "https://host.example.com/v1", "model": "small-1"}

    def fingerprint(training: dict[str, object] | None = None, **changes: object) -> object:
        settings = agent(managed={**host, **changes}, training=training or {})
        return next(each for each in stages_of(settings) if each.asset == "qlora_adapter").fingerprint_settings(
            settings
        )

    same = fingerprint()
    assert fingerprint({"lora_r": 8, "learning_rate": 1e-3}) == same
    assert fingerprint(price_per_million_trained_tokens=3.0, key_from="OTHER", poll_s=1.0) == same
    assert fingerprint({"token_budget": 9}) != same
    assert fingerprint(model="small-2") != same
    assert fingerprint(hyperparameters={"n_epochs": 2}) != same
