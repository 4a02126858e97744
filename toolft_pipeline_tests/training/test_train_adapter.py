"""Training a tiny model: it learns, it resumes to the same bytes, it never cuts a row, it says what is wrong."""

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

from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.training.preflight.preflight import DoesNotFitError
from toolft_pipeline.training.rows.sampling import TrainingDataError
from toolft_pipeline.training.sft.checkpoints import newest_checkpoint
from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.made_rows import Made, agent, lesson, write_inputs

GOLDEN_LOSSES = [12.543, 12.499, 12.384, 12.262, 12.088, 11.927, 11.864, 11.802, 11.747, 11.776]
"""Training loss by step on an AVX512-BF16 CPU; other kernels round otherwise, hence the
tolerance, a fifth of what the curve falls by."""


def train(place: Path, base: Path, rows: list[Made], **training: Any) -> tuple[Path, list[str]]:
    inputs, out, said = write_inputs(place / "in", rows), place / "out", list[str]()
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


def adapter_bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "adapter").iterdir())}


def test_train_tiny_model_follows_the_golden_loss_curve(trained: Trained) -> None:
    losses = pq.read_table(trained.out / "progress.parquet").column("loss").to_pylist()
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=0.005)


def test_train_reports_steps_rows_and_the_best_validation_loss(trained: Trained) -> None:
    progress = pq.read_table(trained.out / "progress.parquet").to_pydict()
    facts = json.loads((trained.out / "training.json").read_text())
    assert trained.summary.rows == facts["rows"] == 20
    assert progress["step"] == list(range(1, trained.summary.steps + 1))
    measured = [loss for loss in progress["validation_loss"] if loss is not None]
    assert len(measured) >= 3
    assert trained.summary.headline["validation_loss"] == pytest.approx(min(measured), abs=1e-4)
    assert all(rate > 0 for rate in progress["tokens_per_s"])
    assert facts["rows_of_tool"] == {"tool0": 7, "tool1": 7, "tool2": 6}


def test_train_adapter_names_no_place_and_no_time(trained: Trained) -> None:
    files = adapter_bytes(trained.out)
    assert set(files) == {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads(files["adapter_config.json"])
    assert config["base_model_name_or_path"] == trained.base.name
    assert config["target_modules"] == sorted(config["target_modules"])
    assert str(trained.out.parent).encode() not in b"".join(files.values())


def test_train_killed_in_a_checkpoint_resumes_to_same_bytes(trained: Trained, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolft_pipeline_tests.training.killed_run", str(tmp_path), str(trained.base)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    torn = tmp_path / "checkpoints" / "checkpoint-4"
    assert (torn / "trainer_state.json").is_file()  # Trainer's own search would resume from it

    out, said = tmp_path / "out", list[str]()
    out.mkdir()
    train_adapter(
        base=trained.base,
        names=AdapterNames(base=trained.base.name, chat_format="gemma3"),
        selection=tmp_path / "in" / "selection.parquet",
        tensors={day: tmp_path / "in" / day / "tensors.parquet" for day in trained.inputs.tensors},
        training=trained.settings.training,
        checkpoints=tmp_path / "checkpoints",
        out=out,
        progress=said.append,
    )
    assert "resuming after step 2" in said
    assert adapter_bytes(out) == adapter_bytes(trained.out)
    assert (out / "training.json").read_bytes() == (trained.out / "training.json").read_bytes()


def test_train_computes_in_the_type_that_was_chosen_and_says_so(tmp_path: Path, tiny_model_folder: Path) -> None:
    out, said = train(tmp_path, tiny_model_folder, lesson(), compute_type="fp32")
    assert "computing in float32: training.compute_type says so" in said
    assert json.loads((out / "training.json").read_text())["computed_in"] == "float32"
    losses = pq.read_table(out / "progress.parquet").column("loss").to_pylist()
    assert losses == pytest.approx(GOLDEN_LOSSES, rel=0.005)


@pytest.mark.slow
def test_train_killed_resumes_in_the_compute_type_it_began_in(tmp_path: Path, tiny_model_folder: Path) -> None:
    other = {"bf16": "fp32", "fp32": "bf16"}[choose_compute_type("auto").type]  # not what this machine would choose
    whole, _ = train(tmp_path / "whole", tiny_model_folder, lesson(), compute_type=other)
    place = tmp_path / "torn"
    command = [sys.executable, "-m", "toolft_pipeline_tests.training.killed_run", str(place), str(tiny_model_folder)]
    killed = subprocess.run(
        [*command, json.dumps({"compute_type": other})], capture_output=True, text=True, check=False, timeout=HANG_S
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed, said = train(place, tiny_model_folder, lesson())
    assert "resuming after step 2" in said
    assert any(line.endswith("the attempt that is resumed does too") for line in said)
    assert adapter_bytes(resumed) == adapter_bytes(whole)


@pytest.mark.slow
def test_train_resumed_with_another_compute_type_starts_afresh(tmp_path: Path, tiny_model_folder: Path) -> None:
    whole, _ = train(tmp_path / "whole", tiny_model_folder, lesson(), compute_type="fp32")
    place = tmp_path / "torn"
    command = [sys.executable, "-m", "toolft_pipeline_tests.training.killed_run", str(place), str(tiny_model_folder)]
    killed = subprocess.run(
        [*command, json.dumps({"compute_type": "bf16"})], capture_output=True, text=True, check=False, timeout=HANG_S
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed, said = train(place, tiny_model_folder, lesson(), compute_type="fp32")
    assert "training starts" in said
    assert adapter_bytes(resumed) == adapter_bytes(whole)


def test_train_row_longer_than_the_pack_is_kept_whole(tmp_path: Path, tiny_model_folder: Path) -> None:
    rows = [Made(name="long", prompt=150, answer=10), Made(name="short")]
    _, said = train(tmp_path, tiny_model_folder, rows, epochs=1.0)
    line = next(line for line in said if "the longest row has 160 tokens, training.packed_length is 96" in line)
    assert "1 longer rows are trained unpacked and uncut; they raise peak memory from" in line
    assert "chat.max_length=96 excludes them" in line


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([Made(name="v", side="validation")], "0 training rows"),
        ([Made(name="o", side="out", weight=0)], "0 training rows"),
        ([*lesson(), Made(name="m", masked=True)], "row run-m/0 has no loss on any token"),
    ],
    ids=["validation_only", "all_out", "masked_row"],
)
def test_train_nothing_to_learn_from_is_one_line(
    rows: list[Made], reason: str, tmp_path: Path, tiny_model_folder: Path
) -> None:
    with pytest.raises(TrainingDataError, match=reason) as caught:
        train(tmp_path, tiny_model_folder, rows)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"sft": {"packing": False}}, r"training\.sft\.packing: cannot be set here"),
        ({"sft": {"no_such_key": 1}}, r"training\.sft: .*no_such_key"),
        ({"peft": {"no_such_key": 1}}, r"training\.peft: .*no_such_key"),
        ({"target_modules": ("no_proj",)}, "no_proj"),
    ],
    ids=["owned", "sft", "peft", "targets"],
)
def test_train_settings_that_cannot_be_are_one_line(
    training: dict[str, Any], reason: str, tmp_path: Path, tiny_model_folder: Path
) -> None:
    with pytest.raises(TrainingDataError, match=reason) as caught:
        train(tmp_path, tiny_model_folder, lesson(), **training)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_train_too_big_for_memory_is_refused_with_figures(tmp_path: Path, tiny_model_folder: Path) -> None:
    with pytest.raises(DoesNotFitError, match=r"needs about .* GB \(.*activations .*\) of .* GB free"):
        train(tmp_path, tiny_model_folder, [Made(name="endless", prompt=10**5)], lora_r=2**24)


def test_newest_checkpoint_skips_a_damaged_one(trained: Trained, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(trained.out.parent / "checkpoints", checkpoints)
    newest = newest_checkpoint(checkpoints)
    assert newest == checkpoints / "checkpoint-10"
    with (newest / "optimizer.pt").open("r+b") as file:
        file.seek(200)
        file.write(b"\xff")
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-8"
