"""How many processes train: by the setting and the GPUs that are visible."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toolft_pipeline.agent_file import SettingsError, load_agent
from toolft_pipeline.settings import Processes, TrainingSettings, changed_from_default
from toolft_pipeline.training.processes.count import process_count_of
from toolft_pipeline.training.rows.sampling import TrainingDataError


@pytest.mark.parametrize(("wanted", "gpus", "count"), [(1, 4, 1), ("auto", 4, 4), ("auto", 0, 1), (2, 4, 2), (3, 0, 3)])
def test_processes_are_the_setting_or_the_visible_gpus(
    wanted: Processes, gpus: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert process_count_of(TrainingSettings(processes=wanted)) == count


def test_more_processes_than_gpus_are_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TrainingDataError, match=r"training\.processes: 2 processes .* this step sees 1; set it to 1"):
        process_count_of(TrainingSettings(processes=2))


def test_processes_enter_a_fingerprint_where_they_are_not_one() -> None:
    assert changed_from_default(TrainingSettings()) == {}
    assert changed_from_default(TrainingSettings(processes=2)) == {"processes": 2}
    assert changed_from_default(TrainingSettings(processes="auto")) == {"processes": "auto"}


def test_processes_that_are_no_count_are_refused(assistant_folder: Path) -> None:
    for wrong in ("0", "many"):
        with pytest.raises(SettingsError, match="processes"):
            load_agent(assistant_folder / "agent.yaml", overrides={"training.processes": wrong})
