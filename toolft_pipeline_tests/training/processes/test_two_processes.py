"""Training in two real processes over gloo: the same adapter as one process makes, and none is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from toolft_pipeline.training.sft.checkpoints import SEAL, newest_checkpoint, seal
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.test_train_adapter import adapter_bytes

WITH_TESTS = os.environ | {"PYTHONPATH": str(REPOSITORY)}

TWO: dict[str, Any] = {"processes": 2, "compute_type": "fp32", "epochs": 20.0, "save_steps": 5}
"""60 steps with dropout: each process has a random state of its own."""

EXACT: dict[str, Any] = {"compute_type": "fp32", "epochs": 4.0, "lora_dropout": 0.0}


def command(place: Path, base: Path, **settings: Any) -> list[str]:
    module = "toolft_pipeline_tests.training.processes.training_run"
    return [sys.executable, "-m", module, str(place), str(base), json.dumps(settings)]


def run(place: Path, base: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    place.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(
        command(place, base, **settings),
        env=WITH_TESTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    return ran


@contextmanager
def training(place: Path, base: Path, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """A run that has made two steps or more."""
    process = subprocess.Popen(
        command(place, base, **settings), env=WITH_TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    figures, began = place / "checkpoints" / "figures.jsonl", time.monotonic()
    try:
        while not figures.is_file() or figures.read_text().count('"loss"') < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - began < HANG_S
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The run's process, its launcher, and the two workers."""
    members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    assert len(members) == 4
    return members


def worker(members: list[psutil.Process], rank: int) -> psutil.Process:
    return next(member for member in members if member.environ().get("RANK") == str(rank))


def gone(members: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(members, timeout=HANG_S)
    return not alive


def last_line(stderr: str) -> str:
    return stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def whole(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of two processes."""
    place = tmp_path_factory.mktemp("whole")
    ran = run(place, tiny_model_folder, **TWO)
    assert ran.returncode == 0, ran.stderr
    return place


@pytest.mark.slow
@pytest.mark.parametrize("losses", [{}, {"kl_weight": 0.5, "loss_type": "dft"}], ids=["nll", "kl_and_dft"])
def test_two_processes_make_the_adapter_of_one_with_twice_the_steps(
    losses: dict[str, Any], tmp_path: Path, tiny_model_folder: Path
) -> None:
    one = run(tmp_path / "one", tiny_model_folder, **EXACT, **losses, gradient_accumulation=4)
    two = run(tmp_path / "two", tiny_model_folder, **EXACT, **losses, gradient_accumulation=2, processes=2)
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    assert "2 processes: an optimizer step takes 4 packed rows" in two.stdout
    assert "positions with loss that each process trained: 640, 640" in two.stdout
    wanted, found = (
        load_file(tmp_path / name / "out" / "adapter" / "adapter_model.safetensors") for name in ("one", "two")
    )
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6)
    curves = [pq.read_table(tmp_path / name / "out" / "progress.parquet").to_pydict() for name in ("one", "two")]
    for column in ("step", "tokens"):
        assert curves[0][column] == curves[1][column]
    for column in ("loss", "grad_norm"):
        assert curves[0][column] == pytest.approx(curves[1][column], rel=1e-4)
    assert [loss for loss in curves[0]["validation_loss"] if loss is not None] == pytest.approx(
        [loss for loss in curves[1]["validation_loss"] if loss is not None], rel=1e-5
    )
    files = [
        {path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name / "out").rglob("*")}
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert json.loads((tmp_path / "two" / "out" / "training.json").read_text())["processes"] == 2


@pytest.mark.slow
def test_sigterm_saves_the_step_of_both_and_the_retry_ends_in_the_same_bytes(
    whole: Path, tmp_path: Path, tiny_model_folder: Path
) -> None:
    with training(tmp_path, tiny_model_folder, **TWO) as process:
        members = family(process)
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 3, errors
    assert gone(members)
    newest = newest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None
    step = newest.name.removeprefix("checkpoint-")
    assert f"SIGTERM: stopped after step {step}; it is saved" in said
    sealed_files = json.loads((newest / SEAL).read_text())
    assert {"rng_state_0.pth", "rng_state_1.pth", "optimizer.pt"} <= sealed_files.keys()
    assert (newest / "rng_state_0.pth").read_bytes() != (newest / "rng_state_1.pth").read_bytes()
    again = run(tmp_path, tiny_model_folder, **TWO)
    assert again.returncode == 0, again.stderr
    assert f"resuming after step {step}" in again.stdout
    assert adapter_bytes(tmp_path / "out") == adapter_bytes(whole / "out")
    assert (tmp_path / "out" / "training.json").read_bytes() == (whole / "out" / "training.json").read_bytes()


@pytest.mark.slow
def test_worker_that_is_killed_is_one_line_and_leaves_none(tmp_path: Path, tiny_model_folder: Path) -> None:
    with training(tmp_path, tiny_model_folder, **TWO) as process:
        members = family(process)
        worker(members, 1).kill()
        _, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 1
    assert "WorkerFailedError: training: process 1 of 2 ended by signal SIGKILL" in last_line(errors)
    assert gone(members)


@pytest.mark.slow
def test_starter_that_is_killed_leaves_no_worker(tmp_path: Path, tiny_model_folder: Path) -> None:
    with training(tmp_path, tiny_model_folder, **TWO) as process:
        members = family(process)
        process.kill()
        process.communicate()
        assert gone(members)


@pytest.mark.slow
def test_error_of_one_worker_is_given_in_its_own_words(whole: Path, tmp_path: Path, tiny_model_folder: Path) -> None:
    shutil.copytree(whole / "checkpoints", tmp_path / "checkpoints")
    shutil.rmtree(tmp_path / "checkpoints" / "checkpoint-60")
    newest = newest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None
    (newest / "rng_state_1.pth").write_bytes(b"not a random state")
    seal(newest)
    ran = run(tmp_path, tiny_model_folder, **TWO)
    assert ran.returncode == 1
    assert "WorkerFailedError: training: process 1 of 2: UnpicklingError" in last_line(ran.stderr)


def test_setting_that_workers_refuse_is_one_fixable_line(tmp_path: Path, tiny_model_folder: Path) -> None:
    ran = run(tmp_path, tiny_model_folder, **TWO, sft={"lr_scheduler_type": "no_such"})
    assert ran.returncode == 1
    assert "WorkerRefusedError: training.sft: " in last_line(ran.stderr)
    assert "no_such" in last_line(ran.stderr)
