"""The surface of the code location is pinned, and loading it is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.build import accelerator_tags, stage_assets
from toolft_pipeline.stages.spec.stage import Stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline_tests.conftest import REPOSITORY

DATA = [
    "raw_trajectories",
    "serving_monitor",
    "verified_trajectories",
    "run_signatures",
    "chat_rows",
    "token_tensors",
]
MODEL = ["readiness_report", "training_set", "replay_rows", "qlora_adapter", "merged_model", "eval_report", "champion"]
SOURCES = ["tool_catalog", "base_model"]
ACCELERATED = {"replay_rows", "qlora_adapter", "merged_model", "eval_report"}
CHECKS = {
    "base_model": {
        "base_is_not_quantized",
        "base_writes_text",
        "tokenizer_fits_base",
        "tokenizer_has_chat_tokens",
        "adapter_fits_base",
    },
    "tool_catalog": {"no_tool_left_out"},
    "raw_trajectories": {"lines_add_up"},
    "serving_monitor": {"served_like_the_gate", "little_fallback"},
    "verified_trajectories": {"enough_accepted", "no_sudden_drop"},
    "training_set": {"few_own_runs", "own_plans_vary", "no_task_leaks"},
    "readiness_report": {"worth_fine_tuning", "every_tool_is_demonstrated"},
    "chat_rows": {"all_images_rendered"},
    "token_tensors": {"loss_mask", "serving_prompt", "parser", "control_tokens", "no_turn_is_lost"},
    "replay_rows": {"loss_mask", "serving_prompt", "parser", "control_tokens", "answers_kept"},
    "merged_model": {"merged_logits", "reload_same_tokens"},
    "eval_report": {"gate"},
    "champion": {"candidate_serves"},
}

PLOTS: dict[str, set[str]] = {
    "serving_monitor": set(),  # nothing is served in a whole run
    "verified_trajectories": {
        "accepted_share_by_day",
        "rejected_by_rule",
        "accepted_by_category",
        "calls_by_tool",
    },
    "token_tensors": {"row_lengths"},
    "readiness_report": {"runs_by_tool", "runs_by_category"},
    "training_set": {"training_runs_by_tool"},
    "qlora_adapter": {"loss", "accuracy", "learning_rate", "speed", "memory"},
    "eval_report": {"task_success", "right_tool_by_turn"},
}
"""What each stage draws; `test_pipeline.py` compares it with the pictures of a whole run."""


def assistant() -> dg.Definitions:
    return build_definitions([load_agent(REPOSITORY / "data" / "assistant" / AGENT_FILE)])


def test_definitions_assets_groups_and_partitions_are_these() -> None:
    graph = assistant().resolve_asset_graph()
    found = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}
    assert set(found) == {*DATA, *MODEL, *SOURCES, "model_in_service", "agents_overview"}
    assert {name for name, node in found.items() if node.group_name == "assistant_model"} == {
        *MODEL,
        "model_in_service",
    }
    assert {name for name, node in found.items() if node.partitions_def is not None} == {*DATA, *MODEL} - {
        "replay_rows"
    }
    assert all(node.description for node in found.values())
    assert all(len(node.kinds) <= 2 for node in found.values())


def test_definitions_checks_are_these_and_proofs_block() -> None:
    specs = [
        spec
        for asset in assistant().assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
    ]
    assert {(spec.asset_key.path[-1], spec.name) for spec in specs} == {
        (asset, name) for asset, names in CHECKS.items() for name in names
    }
    assert {spec.asset_key.path[-1] for spec in specs if spec.blocking} == {
        "base_model",
        "raw_trajectories",
        "token_tensors",
        "training_set",
        "replay_rows",
        "merged_model",
    }


def test_definitions_stages_that_draw_plots_are_these() -> None:
    default = Stage.__dataclass_fields__["plots"].default
    assert {stage.asset for stage in STAGES if stage.plots is not default} == PLOTS.keys()


def test_definitions_accelerator_steps_carry_pool_and_tags_and_no_other_does() -> None:
    for asset in assistant().assets or ():
        if isinstance(asset, dg.AssetsDefinition):
            accelerated = asset.key.path[-1] in ACCELERATED
            assert (asset.op.pool == "gpu") is accelerated
            assert ("toolft/accelerator" in asset.op.tags) is accelerated
    assert accelerator_tags(1)["dagster-ray/config"] == {"num_gpus": 1}


def test_definitions_training_in_processes_asks_for_a_device_each(assistant_folder: Path) -> None:
    agent = load_agent(assistant_folder / "agent.yaml", overrides={"training.processes": "4"})
    tags = {asset.key.path[-1]: asset.op.tags for asset in stage_assets(agent)}
    assert tags["qlora_adapter"]["toolft/accelerator"] == "4"
    assert "nvidia.com/gpu" in str(tags["qlora_adapter"]["dagster-k8s/config"])
    assert tags["merged_model"]["toolft/accelerator"] == "1"
    assert accelerator_tags("auto")["toolft/accelerator"] == "all"


def test_definitions_jobs_and_stopped_schedules_are_these() -> None:
    definitions = assistant()
    assert {job.name for job in definitions.jobs or ()} == {
        "assistant_sources",
        "assistant_data",
        "assistant_model",
        "assistant_nightly",
        "assistant_prune",
    }
    schedules = [each for each in definitions.schedules or () if isinstance(each, dg.ScheduleDefinition)]
    assert [each.name for each in schedules] == ["assistant_nightly", "assistant_prune"]
    assert {each.default_status for each in schedules} == {dg.DefaultScheduleStatus.STOPPED}


def test_definitions_sensors_are_these_and_those_that_start_runs_are_stopped() -> None:
    sensors = {sensor.name: sensor for sensor in assistant().sensors or ()}
    running = {name for name, sensor in sensors.items() if sensor.default_status is dg.DefaultSensorStatus.RUNNING}
    assert running == {"overview", "dead_runs"}  # one reports what is there, one ends what has ended: no run starts
    assert set(sensors) == {
        "assistant_catalog", "assistant_base_model", "assistant_automation", "assistant_logs",
        "alerts", "overview", "dead_runs",
    }  # fmt: skip


def test_definitions_one_setting_starts_schedule_and_sensors() -> None:
    path = REPOSITORY / "data" / "assistant" / AGENT_FILE
    running = build_definitions([load_agent(path, overrides={"schedule.running": "true"})])
    started = {schedule.name: schedule.default_status for schedule in running.schedules or ()}  # type: ignore[union-attr]
    assert started == {
        "assistant_nightly": dg.DefaultScheduleStatus.RUNNING,
        "assistant_prune": dg.DefaultScheduleStatus.STOPPED,  # nothing is removed that no person asked for
    }
    assert {sensor.default_status for sensor in running.sensors or ()} == {dg.DefaultSensorStatus.RUNNING}


def test_definitions_days_follow_their_inputs_and_the_model_waits_for_the_night() -> None:
    graph = assistant().resolve_asset_graph()
    found = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}
    following = {name for name, node in found.items() if node.automation_condition is not None}
    assert following == set(DATA) - {"raw_trajectories"}
    policies = {name: node.freshness_policy for name, node in found.items() if node.freshness_policy is not None}
    assert set(policies) == {"verified_trajectories", "eval_report"}
    assert policies["verified_trajectories"] == dg.FreshnessPolicy.cron(
        deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=24), timezone="UTC"
    )
    assert policies["eval_report"] == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=5), warn_window=timedelta(days=2.5)
    )


def test_definitions_two_agents_build_the_same_assets_under_two_names() -> None:
    folders = ("assistant", "helpdesk")
    both = build_definitions([load_agent(REPOSITORY / "data" / name / AGENT_FILE) for name in folders])
    keys = both.resolve_asset_graph().get_all_asset_keys()
    assert {key.path[-1] for key in keys if key.path[0] == "assistant"} == {
        key.path[-1] for key in keys if key.path[0] == "helpdesk"
    }


def test_definitions_loading_needs_no_heavy_library() -> None:
    code = "import sys, json, toolft_pipeline.definitions; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "TOOLFT_AGENTS": str(REPOSITORY / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "ray", "matplotlib"}
    assert not heavy & set(json.loads(loaded.stdout))
