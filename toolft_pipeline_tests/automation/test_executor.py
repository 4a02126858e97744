"""A run without an accelerator step stays in its one process, and sees no device there."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import reconstructable

from toolft_pipeline_tests.faults.three_retrains import day


def test_local_executor_run_of_data_starts_no_process_and_hides_all_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("TOOLFT_NOTES", str(notes))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with (
        dg.instance_for_test() as instance,
        dg.execute_job(reconstructable(day), instance=instance, tags={"whose": "desk"}) as result,
    ):
        assert result.success
    assert notes.read_text().split()[1:] == ["data", "desk", str(os.getpid())]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
