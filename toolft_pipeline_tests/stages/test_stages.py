from __future__ import annotations

from toolft_pipeline.stages.stages import STAGES, with_downstream


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
