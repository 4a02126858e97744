"""A run chooses its checkpoint by the setting and stops early, and makes the same choice if it was killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs

EXACT: dict[str, Any] = {"choose_by": "exact_match", "sft": {"eval_steps": 0.4}, "method": "lora"}


def train(place: Path, base: Path, **training: Any) -> tuple[Path, list[str]]:
    """Train the lesson in a place, or resume what was begun there, into a new folder."""
    inputs, said = write_inputs(place / "in", lesson()), list[str]()
    out = place / f"out{sum(1 for _ in place.glob('out*'))}"
    out.mkdir()
    train_adapter(
        base=base,
        names=AdapterNames(base=base.name, chat_format="gemma3"),
        selection=inputs.selection,
        tensors=inputs.tensors,
        training=agent(base, **training).training,
        checkpoints=place / "checkpoints",
        out=out,
        progress=said.append,
    )
    return out, said


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*sorted((out / "adapter").iterdir()), out / "training.json"]}


def test_early_stop_ends_the_run_and_a_resumed_one_makes_the_same_choice(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    settings: dict[str, Any] = {"learning_rate": 1e-12, "early_stop": 1, "sft": {"eval_steps": 0.2}}
    out, _ = train(tmp_path, tiny_model_folder, **settings)  # steps too small to make any evaluation better
    facts = json.loads((out / "training.json").read_text())
    losses = pq.read_table(out / "progress.parquet").to_pydict()
    measured = [(step, loss) for step, loss in zip(losses["step"], losses["validation_loss"], strict=True) if loss]
    assert facts["steps"] < 10
    assert measured[-1][1] >= min(loss for _, loss in measured[:-1])
    again, said = train(tmp_path, tiny_model_folder, **settings)  # resumes at the stop itself
    assert any(line.startswith("resuming after step") for line in said)
    assert content(again) == content(out)


def test_choice_by_exact_match_counts_in_the_time_forecast(trained: Trained) -> None:
    from toolft_pipeline.compute_type import ComputeType
    from toolft_pipeline.training.preflight.preflight import estimate_training
    from toolft_pipeline.training.preflight.time_estimate import FRESH_PROCESS_SECONDS, evaluations
    from toolft_pipeline.training.rows.sampling import draw_rows

    drawn = draw_rows(selection=trained.inputs.selection, tensors=trained.inputs.tensors, token_budget=None)

    def seconds(**training: Any) -> float:
        settings = agent(trained.base, **training).training
        return estimate_training(base=trained.base, drawn=drawn, training=settings, compute=ComputeType.FP32).seconds

    assert evaluations(agent(trained.base).training) == 3
    assert evaluations(agent(trained.base, sft={"eval_steps": 0.1}).training) == 10
    assert seconds(choose_by="exact_match") - seconds() > 2.9 * FRESH_PROCESS_SECONDS


@pytest.mark.slow
def test_killed_run_chooses_by_exact_match_as_a_whole_one_does(tmp_path: Path, tiny_model_folder: Path) -> None:
    whole, _ = train(tmp_path / "whole", tiny_model_folder, **EXACT)
    facts = json.loads((whole / "training.json").read_text())
    table = pq.read_table(whole / "progress.parquet").to_pydict()
    exact = {step: share for step, share in zip(table["step"], table["exact_match"], strict=True) if share is not None}
    assert sorted(exact) == [4, 8, 10]
    assert facts["exact_match"] == pytest.approx(max(exact.values()), abs=1e-4) == round(exact[facts["chosen_step"]], 4)
    place = tmp_path / "torn"
    command = [sys.executable, "-m", "toolft_pipeline_tests.training.killed_run", str(place), str(tiny_model_folder)]
    killed = subprocess.run([*command, json.dumps(EXACT)], capture_output=True, check=False, timeout=HANG_S)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (place / "checkpoints" / "exact-match-4.json").is_file()
    (place / "checkpoints" / "exact-match-4.json").unlink()  # as if it was killed while generating
    shutil.rmtree(place / "killed")
    resumed, said = train(place, tiny_model_folder, **EXACT)
    assert "resuming after step 2" in said
    assert content(resumed) == content(whole)
