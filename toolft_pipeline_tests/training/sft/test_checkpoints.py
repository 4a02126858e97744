"""A checkpoint that is torn anywhere is never resumed from; the sealed one before it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.sft.checkpoints import SEAL, newest_checkpoint, seal
from toolft_pipeline.training.sft.sft import trainer_arguments

FILES = ("adapter_model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json")


def made(folder: Path, step: int) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    for name in FILES:
        (checkpoint / name).write_bytes(f"{name} of step {step} ".encode() * 20)
    return checkpoint


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def unsealed(checkpoint: Path) -> None:
    """As a kill before the seal's rename leaves it."""
    (checkpoint / SEAL).rename(checkpoint / f"{SEAL}.part")


def zeroed(path: Path) -> None:
    """As a power cut leaves a file whose size was written and whose blocks were not."""
    path.write_bytes(bytes(path.stat().st_size))


TORN: dict[str, Callable[[Path], None]] = {
    "no seal": unsealed,
    "half a seal": lambda checkpoint: half(checkpoint / SEAL),
    "empty seal": lambda checkpoint: (checkpoint / SEAL).write_bytes(b"") and None,
    "zeroed seal": lambda checkpoint: zeroed(checkpoint / SEAL),
    **{f"half of {name}": lambda checkpoint, name=name: half(checkpoint / name) for name in FILES},  # type: ignore[misc]
    "zeroed weights": lambda checkpoint: zeroed(checkpoint / FILES[0]),
    "no optimizer": lambda checkpoint: (checkpoint / FILES[1]).unlink(),
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN)
def test_newest_checkpoint_is_never_a_torn_one(tear: Callable[[Path], None], tmp_path: Path) -> None:
    for step in (8, 12, 100):  # in the order of numbers: as text, 8 comes last
        seal(made(tmp_path, step))
    tear(tmp_path / "checkpoint-100")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-12"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-12", "checkpoint-8"], "the torn one is gone"


def test_newest_checkpoint_is_none_where_all_are_torn(tmp_path: Path) -> None:
    made(tmp_path, 4)
    assert newest_checkpoint(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("device", "optimizer"), [("cuda", "paged_adamw_8bit"), ("cpu", "adamw_torch")])
def test_optimizer_whose_state_checkpoints_hold_is_the_devices(device: str, optimizer: str) -> None:
    drawn = cast("Any", SimpleNamespace(validation=SimpleNamespace(rows=[1]), shows_images=False))
    arguments = trainer_arguments(
        drawn=drawn, training=TrainingSettings(), device=torch.device(device), compute=ComputeType.BF16
    )
    assert (arguments["optim"], arguments["bf16"]) == (optimizer, device == "cuda")
