"""Checkpoints belong to a compute type and a number of processes; those of another are removed, and the log says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.training.attempt import ATTEMPT_FILE, begin_attempt, compute_type_of_attempt


@pytest.mark.parametrize(("earlier", "now"), [(1, 2), (2, 1), (4, 2)])
def test_checkpoints_of_other_processes_are_removed_by_name(earlier: int, now: int, tmp_path: Path) -> None:
    place = tmp_path / "checkpoints"
    assert begin_attempt(place, ComputeType.FP32, processes=earlier) is None
    (place / "checkpoint-2").mkdir()
    line = begin_attempt(place, ComputeType.FP32, processes=now)
    assert line is not None
    assert f"are of {earlier} processes, this attempt has {now}" in line
    assert not (place / "checkpoint-2").exists()


def test_checkpoints_of_as_many_processes_are_kept(tmp_path: Path) -> None:
    for processes in (1, 2):
        place = tmp_path / str(processes)
        for _ in range(2):
            assert begin_attempt(place, ComputeType.FP32, processes=processes) is None
            (place / "checkpoint-2").mkdir(exist_ok=True)
        assert (place / "checkpoint-2").exists()
        assert compute_type_of_attempt(place, wanted="auto").type is ComputeType.FP32


def test_attempt_file_of_one_process_is_that_of_earlier_releases(tmp_path: Path) -> None:
    begin_attempt(tmp_path / "checkpoints", ComputeType.BF16)
    assert (tmp_path / "checkpoints" / ATTEMPT_FILE).read_text() == '{"compute_type": "bf16"}'
