"""The compute type of a training attempt, kept beside its checkpoints.

Invariant: all attempts of one checkpoints folder compute in one type. A run that is killed in bf16 and resumed in
float32 would end in an adapter that neither type gives alone.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from toolft_pipeline.compute_type import ComputeChoice, ComputeType, Wanted, choose_compute_type

ATTEMPT_FILE = "attempt.json"


def compute_type_of_attempt(checkpoints: Path, *, wanted: Wanted) -> ComputeChoice:
    """The type of an earlier attempt where there is one and the settings do not name another; else a fresh choice."""
    earlier = _recorded(checkpoints)
    if earlier is not None and wanted in {"auto", earlier}:
        return ComputeChoice(type=earlier, reason="the attempt that is resumed did")
    return choose_compute_type(wanted)


def begin_attempt(checkpoints: Path, compute: ComputeType) -> None:
    """Make the folder and record the type; checkpoints of another type are removed."""
    if checkpoints.is_dir() and _recorded(checkpoints) is not compute:
        shutil.rmtree(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    staged = checkpoints / f"{ATTEMPT_FILE}.part"
    staged.write_text(json.dumps({"compute_type": compute}), encoding="utf-8")
    staged.rename(checkpoints / ATTEMPT_FILE)


def _recorded(checkpoints: Path) -> ComputeType | None:
    try:
        found = json.loads((checkpoints / ATTEMPT_FILE).read_text(encoding="utf-8"))
        return ComputeType(found["compute_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
