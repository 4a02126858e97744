"""`training.report_to`: every figure reaches the tracker, and a tracker that is not installed stops the run early."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import SettingsError, load_agent
from toolft_pipeline.settings_checks.external_resources import missing_resources
from toolft_pipeline.training.rows.sampling import TrainingDataError
from toolft_pipeline.training.sft import trackers
from toolft_pipeline.training.sft.figures import FIGURES_FILE
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.made_rows import agent, lesson
from toolft_pipeline_tests.training.test_train_adapter import train

NO_MLFLOW = "mlflow records no runs here: pip install mlflow-skinny, in place of mlflow-tracing"


@pytest.mark.skipif(bool(list(trackers.tracker_problems(["mlflow"]))), reason=NO_MLFLOW)
@pytest.mark.slow
def test_mlflow_file_store_has_every_figure_of_the_run(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "mlruns"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "assistant")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow 3.13 and later ask for it
    settings: dict[str, Any] = {"report_to": ["mlflow"], "choose_by": "exact_match", "method": "lora"}
    out, _ = train(tmp_path / "run", tiny_model_folder, lesson(), **settings)
    recorded = {path.name: path for path in store.glob("*/*/metrics/*")}
    assert recorded.keys() >= {"loss", "learning_rate", "tokens_per_s", "loss_tokens_per_s", "peak_memory_gb"}
    assert recorded.keys() >= {"eval_loss", "eval_exact_match"}
    progress = pq.read_table(out / "progress.parquet").to_pydict()
    for name, column in {
        "loss": "loss",
        "loss_tokens_per_s": "loss_tokens_per_s",
        "eval_loss": "validation_loss",
    }.items():
        points = {int(step): float(value) for _, value, step in map(str.split, recorded[name].read_text().splitlines())}
        expected = {
            step: value for step, value in zip(progress["step"], progress[column], strict=True) if value is not None
        }
        assert points == pytest.approx(expected), name


def test_tracker_that_is_not_installed_stops_before_anything_is_trained(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers.PACKAGES, "wandb", ("no-such-tracker",))
    says = "training.report_to: wandb is not installed; pip install no-such-tracker, or remove it"
    with pytest.raises(TrainingDataError, match=says):
        train(tmp_path, tiny_model_folder, lesson(), report_to=["wandb"])
    assert not (tmp_path / "checkpoints").exists()
    missing = [each.key for each in missing_resources(agent(tiny_model_folder, report_to=["wandb"]), for_model=True)]
    assert "training.report_to" in missing


def test_unknown_tracker_is_an_error_of_the_file(assistant_folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"training.report_to.0: .*did you mean wandb\?"):
        load_agent(assistant_folder / "agent.yaml", overrides={"training.report_to": "[wandbb]"})


def test_figures_file_has_every_step_while_it_runs(trained: Trained) -> None:
    path = trained.out.parent / "checkpoints" / FIGURES_FILE
    assert f"figures while it runs: {path}" in trained.said
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, trained.summary.steps + 1))
    assert all(line["peak_memory_gb"] > 0 < line["learning_rate"] or line["step"] for line in steps)
    assert all(0 < line["loss_tokens_per_s"] < line["tokens_per_s"] for line in steps)
    assert sum("eval_loss" in line for line in lines) >= 3


def test_loss_tokens_are_those_of_the_rows(trained: Trained) -> None:
    progress = pq.read_table(trained.out / "progress.parquet").to_pydict()
    rates = zip(progress["loss_tokens_per_s"], progress["tokens_per_s"], strict=True)
    shares = [loss / every for loss, every in rates]
    assert sum(shares) / len(shares) == pytest.approx(16 / 40, abs=0.02)  # the answers of the lesson's rows
