"""A training run in a process of its own that kills itself in the middle of a checkpoint.

python -m toolft_pipeline_tests.training.killed_run PLACE BASE [SETTINGS]: inputs under PLACE/in; the kill comes
when the second checkpoint's files are written and its seal is not. SETTINGS are those of `training`, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from toolft_pipeline.training.sft import callbacks
from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.training.made_rows import agent, lesson, write_inputs


def main(place: Path, base: Path, settings: str = "{}") -> None:
    """Train until the second checkpoint, then die by SIGKILL."""
    inputs, out, seal, seen = write_inputs(place / "in", lesson()), place / "killed", callbacks.seal, list[Path]()
    out.mkdir(parents=True)

    def seal_once(checkpoint: Path) -> None:
        if checkpoint.name.startswith("checkpoint-"):
            seen.append(checkpoint)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        seal(checkpoint)

    callbacks.seal = seal_once
    train_adapter(
        base=base,
        names=AdapterNames(base=base.name, chat_format="gemma3"),
        selection=inputs.selection,
        tensors=inputs.tensors,
        training=agent(base, **json.loads(settings)).training,
        checkpoints=place / "checkpoints",
        out=out,
        progress=print,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
