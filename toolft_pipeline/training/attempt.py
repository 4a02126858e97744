"""The compute type of a training attempt, kept beside its checkpoints.

Invariant: all attempts of one checkpoints folder compute in one type. A run that is killed in bf16 and resumed in
float32 would produce an adapter that neither type produces alone.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from toolft_pipeline.compute_type import ComputeChoice, ComputeType, Wanted, choose_compute_type

ATTEMPT_FILE = "attempt.json"


def compute_type_of_attempt(checkpoints: Path, *, wanted: Wanted) -> ComputeChoice:
    """The type of the earlier attempt, unless there is none or the settings name another; else a new choice."""
    earlier = _recorded(checkpoints)
    if earlier is not None and wanted in {"auto", earlier}:
        return ComputeChoice(type=earlier, reason="the attempt that is resumed does too")
    return choose_compute_type(wanted)


def begin_attempt(checkpoints: Path, compute: ComputeType) -> None:
    """Create the folder and record the type; remove checkpoints of another type."""
    if checkpoints.is_dir() and _recorded(checkpoints) is not compute:
        shutil.rmtree(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    staged = checkpoints / f"{ATTEMPT_FILE}.part"
    staged.write_text(json.dumps({"compute_type": compute}), encoding="utf-8")
    staged.rename(checkpoints / ATTEMPT_FILE)


def _recorded(checkpoints: Path) -> ComputeType | None:
    try:
        recorded = json.loads((checkpoints / ATTEMPT_FILE).read_text(encoding="utf-8"))
        return ComputeType(recorded["compute_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
