"""What training says of its progress: one line a few seconds, and one for the last step."""

from __future__ import annotations

from pathlib import Path

from transformers import TrainerState

from toolft_pipeline.training.sft.callbacks import ProgressReporter
from toolft_pipeline.training.sft.figures import Figures


def test_validation_after_the_last_step_does_not_repeat_its_line(tmp_path: Path) -> None:
    lines: list[str] = []
    reporter, state = ProgressReporter(progress=lines.append, figures=Figures(tmp_path)), TrainerState()
    state.max_steps = state.global_step = 3
    reporter.begin(state)
    reporter.tick(state)
    for _ in range(5):
        reporter.tick(state, activity="validating")
    assert len(lines) == 1
    assert lines[0].startswith("step 3/3")
