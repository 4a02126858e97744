"""A training run in a process of its own, with Dagster's way to take a signal: an exception in the main thread.

python -m toolft_pipeline_tests.training.processes.training_run PLACE BASE SETTINGS: inputs under PLACE/in; SETTINGS are
those of `training`, as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import FrameType

from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs


class InterruptedStepError(BaseException):
    """What the step's handler raises, as Dagster's does."""


def main(place: Path, base: Path, settings: str) -> int:
    """Train; returns 3 if a signal interrupted it."""
    signal.signal(signal.SIGTERM, _interrupt)
    inputs, out = write_inputs(place / "in", lesson()), place / "out"
    out.mkdir(parents=True, exist_ok=True)
    try:
        train_adapter(
            base=base,
            names=AdapterNames(base=base.name, chat_format="gemma3"),
            selection=inputs.selection,
            tensors=inputs.tensors,
            training=agent(base, **json.loads(settings)).training,
            checkpoints=place / "checkpoints",
            out=out,
            progress=lambda line: print(line, flush=True),
        )
    except InterruptedStepError:
        return 3
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise InterruptedStepError


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
